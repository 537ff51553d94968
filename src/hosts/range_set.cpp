#include "execo/range_set.hpp"

#include <algorithm>

#include "hosts/host_set_access.hpp"
#include "hosts/name_table.hpp"
#include "hosts/range_reader.hpp"
#include "hosts/text_scan.hpp"

namespace execo {

range_set::range_set(std::string_view text) {
  std::uint64_t stepped = detail::max_stepped;
  try {
    detail::box sides;
    sides.push_back(detail::read_ranges(text, {}, stepped));
    if (detail::count(sides[0]) > host_set::max_size) {
      throw detail::range_error("has more than 100 million indexes: split it", "", 0);
    }
    auto table = std::make_shared<detail::name_table>();
    table->add_boxes("%s", std::move(sides));
    hosts_ = detail::host_set_access::make(std::move(table));
  } catch (const detail::range_error& error) {
    throw detail::make_error(host_set_errc::range, text,
                             "bad range \"" + error.part + "\": " + error.what(), error.part,
                             error.offset);
  }
}

std::vector<std::string> range_set::expand() const { return hosts_.expand(); }

std::vector<std::size_t> range_set::numbers() const {
  std::vector<std::size_t> numbers;
  const detail::name_table* table = detail::host_set_access::table(hosts_);
  if (!table || table->patterns() == 0) return numbers;
  const detail::name_table::view v = table->at(0);
  if (!v.indexes) return {static_cast<std::size_t>(std::stoull(std::string{v.name}))};
  for (const detail::key_range& range : v.indexes->line()) {
    for (auto key = std::max<detail::index_key>(range.lo, 0); key <= range.hi; ++key) {
      numbers.push_back(static_cast<std::size_t>(detail::value_of(key)));
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::string range_set::to_string(const fold_style& style) const {
  std::string text = hosts_.to_string(style);
  std::erase_if(text, [](char c) { return c == '[' || c == ']'; });
  return text;
}

std::vector<range_set> range_set::split(std::size_t parts) const {
  std::vector<range_set> list;
  for (host_set& part : hosts_.split(parts)) list.push_back(range_set{std::move(part)});
  return list;
}

std::vector<range_set> range_set::contiguous() const {
  std::vector<range_set> list;
  for (host_set& part : hosts_.contiguous()) list.push_back(range_set{std::move(part)});
  return list;
}

}  // namespace execo
