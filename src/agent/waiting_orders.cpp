#include "agent/waiting_orders.hpp"

namespace execo::agent {

bool waiting_orders::append(const detail::part_message& part) {
  for (detail::execute_message& one : all_) {
    if (one.run != part.run || (one.hosts & part.hosts).empty()) continue;
    if (!(one.hosts - part.hosts).empty() || !detail::append_part(one, part)) return false;
  }
  return true;
}

detail::index_ranges waiting_orders::drop_of(std::uint32_t run, const detail::index_ranges& hosts) {
  detail::index_ranges dropped;
  for (detail::execute_message& one : all_) {
    if (one.run != run) continue;
    dropped |= one.hosts & hosts;
    one.hosts -= hosts;
  }
  forget_empty();
  return dropped;
}

}  // namespace execo::agent
