// Shapes that are given by hand: hosts that one other host alone is to start, their leader. They
// wait here until it is up, and then go the way to it. If it fails or is lost they are anybody's.
#pragma once

#include <cstdint>
#include <map>

#include "shape/host_span.hpp"

namespace execo::detail {

class bound_hosts {
 public:
  using way = std::uint32_t;  ///< a child that leads to the leader, from 1 on
  static constexpr way not_up = 0;

  bool empty() const noexcept { return leaders_.empty(); }
  std::uint64_t waiting() const noexcept { return waiting_; }
  bool leads(host_index host) const noexcept { return leaders_.contains(host); }
  way way_to(host_index leader) const noexcept;

  /// Others are bound to this one, which is not up yet.
  void expect(host_index leader) { leaders_.try_emplace(leader); }
  /// Pre: their leader is expected.
  void wait(const host_span& hosts);
  /// Gives those that waited for it. Pre: it is expected.
  host_spans leader_up(host_index leader, way by);
  /// It failed. Gives those that waited for it, bound to nobody.
  host_spans leader_gone(host_index leader);
  /// Who was up behind it is lost.
  void way_lost(way by);

  /// Appends hosts so that each leader among them is a span of its own, and marked.
  void mark(const host_span& hosts, host_spans& to) const;

 private:
  struct leader_state {
    way by = not_up;
    host_spans waiting;  // none, once it is up
  };

  std::map<host_index, leader_state> leaders_;
  std::uint64_t waiting_ = 0;  // hosts
};

}  // namespace execo::detail
