// Hosts as they travel through a tree: neighbours by index, of one zone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace execo::detail {

using host_index = std::uint32_t;

inline constexpr host_index anybody = 0xffffffff;

/// What is known of a host that is to be started.
enum class host_claim : std::uint8_t {
  fresh,    ///< nobody has begun to start it
  doubtful  ///< somebody who is lost may have: ask the host before anything is started on it
};

struct host_span {
  host_index first = 0;
  std::uint32_t count = 0;
  std::uint32_t zone = 0;
  host_claim claim = host_claim::fresh;
  bool leads = false;          ///< other hosts are bound to this one: it is a span of its own
  host_index under = anybody;  ///< that is to start them, if the shape is given by hand

  std::uint64_t end() const noexcept { return std::uint64_t{first} + count; }
};

using host_spans = std::vector<host_span>;

inline std::uint64_t hosts_of(const host_spans& all) noexcept {
  std::uint64_t hosts = 0;
  for (const host_span& one : all) hosts += one.count;
  return hosts;
}

/// Appends, and makes one span of neighbours.
inline void append_span(host_spans& to, const host_span& one) {
  if (one.count == 0) return;
  host_span* last = to.empty() ? nullptr : &to.back();
  bool joins = last != nullptr && last->end() == one.first && last->zone == one.zone &&
               last->claim == one.claim && last->under == one.under && !last->leads && !one.leads;
  if (joins)
    last->count += one.count;
  else
    to.push_back(one);
}

}  // namespace execo::detail
