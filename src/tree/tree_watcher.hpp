// Who is told what becomes of the hosts of a tree, besides those who run commands on them.
#pragma once

#include <cstdint>

#include "process/failure.hpp"
#include "wire/link_messages.hpp"

namespace execo::detail {

/// What a tree has cost.
class tree_totals {
 public:
  tree_totals() = default;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  agent_usage agents;  // of those that have said it
};

/// On the loop of the tree, from the middle of its work: what follows from an event is done later.
class tree_watcher {
 public:
  virtual void host_up(std::uint32_t index) noexcept = 0;
  /// It was wanted, and has no agent.
  virtual void host_failed(std::uint32_t index, const failure& why) noexcept = 0;
  /// It was up.
  virtual void host_lost(std::uint32_t index, const failure& why) noexcept = 0;
  /// It was closed, and its agents have ended. The last event.
  virtual void tree_over(const tree_totals& cost) noexcept = 0;

 protected:
  ~tree_watcher() = default;
};

}  // namespace execo::detail
