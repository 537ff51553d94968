#include "shape/host_queue.hpp"

#include <cassert>

namespace execo::detail {

void host_queue::add(const host_span& one) {
  if (one.count == 0) return;
  hosts_ += one.count;
  zone_spans& of = zones_[one.zone];
  auto next = of.upper_bound(one.first);
  auto at = next;
  if (next != of.begin()) {
    auto before = std::prev(next);
    assert(std::uint64_t{before->first} + before->second.count <= one.first);
    if (before->first + before->second.count == one.first && before->second.claim == one.claim) {
      before->second.count += one.count;
      at = before;
    }
  }
  if (at == next) {
    at = of.emplace_hint(next, one.first, extent{one.count, one.claim});
    ++spans_;
  }
  assert(next == of.end() || next->first >= one.end());
  if (next != of.end() && next->first == one.end() && next->second.claim == one.claim) {
    at->second.count += next->second.count;
    of.erase(next);
    --spans_;
  }
}

std::uint64_t host_queue::take_from(zone_map::iterator zone, std::uint64_t most, host_spans& to) {
  zone_spans& of = zone->second;
  std::uint64_t taken = 0;
  while (taken < most && !of.empty()) {
    auto [first, rest] = *of.begin();
    auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(rest.count, most - taken));
    append_span(to, {first, count, zone->first, rest.claim});
    taken += count;
    auto node = of.extract(of.begin());
    if (count == rest.count) {
      --spans_;
      continue;
    }
    node.key() = first + count;
    node.mapped().count = rest.count - count;
    of.insert(of.begin(), std::move(node));
  }
  hosts_ -= taken;
  if (of.empty()) zones_.erase(zone);
  return taken;
}

host_queue::zone_map::iterator host_queue::next_zone() noexcept {
  auto zone = zones_.lower_bound(turn_);
  if (zone == zones_.end()) zone = zones_.begin();
  turn_ = zone->first + 1;
  return zone;
}

std::uint64_t host_queue::take(std::uint32_t zone, std::uint64_t most, host_spans& to) {
  if (empty() || most == 0) return 0;
  auto own = zones_.find(zone);
  return take_from(own != zones_.end() ? own : next_zone(), most, to);
}

void host_queue::take_in_turn(host_spans& to) {
  assert(!empty());
  take_from(next_zone(), 1, to);
}

void host_queue::take_fresh(const host_span& wanted, host_spans& to) {
  auto zone = zones_.find(wanted.zone);
  if (zone == zones_.end()) return;
  zone_spans& of = zone->second;
  auto at = of.upper_bound(wanted.first);
  if (at != of.begin()) --at;
  while (at != of.end() && at->first < wanted.end()) {
    std::uint64_t first = at->first;
    std::uint64_t end = first + at->second.count;
    std::uint64_t from = std::max<std::uint64_t>(first, wanted.first);
    std::uint64_t until = std::min(end, wanted.end());
    auto here = at++;
    if (from >= until || here->second.claim != host_claim::fresh) continue;
    append_span(to, {static_cast<host_index>(from), static_cast<std::uint32_t>(until - from),
                     wanted.zone, host_claim::fresh});
    hosts_ -= until - from;
    if (until < end) {
      of.emplace_hint(at, static_cast<host_index>(until),
                      extent{static_cast<std::uint32_t>(end - until), host_claim::fresh});
      ++spans_;
    }
    if (from > first) {
      here->second.count = static_cast<std::uint32_t>(from - first);
    } else {
      of.erase(here);
      --spans_;
    }
  }
  if (of.empty()) zones_.erase(zone);
}

}  // namespace execo::detail
