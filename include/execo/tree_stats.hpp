/// tree_stats: what a tree was like, and what it has cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "execo/time.hpp"
#include "execo/tree_host.hpp"

namespace execo {

/// Of a tree that was closed.
class tree_stats {
 public:
  tree_stats() = default;

  std::vector<tree_host> hosts;      ///< as they were before it was closed, each once
  std::size_t depth = 0;             ///< levels below the root
  std::size_t arity = 0;             ///< the most children that the root or a host had
  duration deploy_time{0};           ///< from its begin until the last host was up
  std::uint64_t bytes_sent = 0;      ///< by the root: agents, orders, input
  std::uint64_t bytes_received = 0;  ///< by the root: output, and what became of hosts and commands
  std::size_t agents = 0;            ///< that have said what follows: all that were not lost
  duration agents_cpu{0};            ///< of all of them, without the commands that they ran
  std::uint64_t agents_memory = 0;   ///< bytes: the most that each had in memory, in all
};

}  // namespace execo
