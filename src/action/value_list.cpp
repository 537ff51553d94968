#include "execo/detail/value_list.hpp"

#include <charconv>

namespace execo::detail {

value_list::value_list(const host_set& names) : has_hosts_(!names.empty()) {
  texts_.reserve(names.size());
  for (std::string name : names) texts_.push_back(std::move(name));
}

void value_list::add_host(const host& one) {
  texts_.push_back(one.name());
  has_hosts_ = true;
}

void value_list::add_number(double n) {
  char text[32];  // the shortest that reads back is not longer
  auto [end, error] = std::to_chars(text, text + sizeof text, n);
  texts_.emplace_back(text, end);
}

}  // namespace execo::detail
