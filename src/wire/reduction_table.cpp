#include "wire/reduction_table.hpp"

#include <algorithm>
#include <utility>

namespace execo::detail {

reduction_table::entry* reduction_table::find(std::uint32_t talk) noexcept {
  const auto found = std::ranges::find(talks_, talk, &entry::talk);
  return found != talks_.end() ? &*found : nullptr;
}

bool reduction_table::add(const contribute_message& what) {
  entry* its = find(what.run);
  if (its == nullptr) {
    its = &talks_.emplace_back();
    its->talk = what.run;
  }
  if (its->given.intersects(what.hosts)) return false;
  its->given |= what.hosts;
  for (contribution& one : its->held) {
    if (one.value.operation == reduce_operation::fold ||
        one.value.operation != what.value.operation || one.text != what.text)
      continue;
    one.value.join(what.value);
    one.hosts |= what.hosts;
    return true;
  }
  contribution& made = its->held.emplace_back();
  made.value = what.value;
  made.text = what.text;
  made.hosts = what.hosts;
  its->size += talk_charge(what.text.size());
  return true;
}

bool reduction_table::drop(std::uint32_t talk, const index_ranges& hosts) {
  entry* its = find(talk);
  if (its == nullptr || !its->given.intersects(hosts)) return false;
  its->given -= hosts;
  forget_if_empty(*its);
  return true;
}

bool reduction_table::is_due(std::uint32_t talk, const index_ranges& open) noexcept {
  const entry* its = find(talk);
  return its != nullptr && !its->held.empty() &&
         (its->size > talk_window || its->given.contains(open));
}

std::vector<reduction_table::contribution> reduction_table::take(std::uint32_t talk) {
  std::vector<contribution> held;
  if (entry* its = find(talk)) {
    its->size = 0;
    held.swap(its->held);
    forget_if_empty(*its);
  }
  return held;
}

void reduction_table::forget_if_empty(const entry& which) {
  if (which.given.empty() && which.held.empty())
    talks_.erase(talks_.begin() + (&which - talks_.data()));
}

}  // namespace execo::detail
