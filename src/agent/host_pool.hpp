// Hosts that this agent has to deploy, itself or through children that ask for some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "wire/host_messages.hpp"
#include "wire/index_ranges.hpp"

namespace execo::agent {

/// Pure. A child that has asked is served before this agent takes a host itself: each of n waiting
/// ones gets at most 1/(2n) of what is left at a time, so that all stay at work until the end.
class host_pool {
 public:
  using link_number = std::uint32_t;

  void add(const std::vector<detail::work_item>& hosts);
  /// Takes those of the set out; the ones that were here.
  detail::index_ranges remove(const detail::index_ranges& hosts);
  bool empty() const noexcept { return hosts_.empty(); }

  /// The child has room for so many more.
  void ask(link_number child, std::uint32_t room);
  void forget(link_number child);
  /// What waiting children have room for.
  std::uint32_t wanted() const noexcept;

  class share {
   public:
    link_number child = 0;
    std::vector<detail::work_item> hosts;
  };
  /// For the child that has waited longest; nothing if none waits or no host is left.
  std::optional<share> serve();
  /// The next one for this agent itself.
  std::optional<detail::work_item> take();

 private:
  class thief {
   public:
    thief(link_number child_, std::uint32_t room_) noexcept : child(child_), room(room_) {}
    link_number child;
    std::uint32_t room;
  };

  std::vector<detail::work_item> hosts_;  // the next one is the last
  std::vector<thief> thieves_;            // the one that waits longest is the first
};

}  // namespace execo::agent
