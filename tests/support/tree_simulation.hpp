// Hosts that are deployed in simulated time, by the scheduler of the tree's nodes as it is: each
// node has a work_pool, and what a link, a processor and a host do is played by events. The same
// seed gives the same run.
#pragma once

#include <cstdint>
#include <vector>

#include "shape/cost_model.hpp"
#include "shape/work_pool.hpp"

namespace execo::test {

/// Times in seconds.
struct simulated_site {
  detail::connect_cost node;  ///< what connecting costs at every node but the root
  double root_cores = 16;
  double root_window = 256;    ///< of flat
  double latency_sigma = 0;    ///< of the logarithm of L, by which hosts differ
  double link_delay = 0.0005;  ///< one way
  double report_delay = 0.01;  ///< for which ends are gathered before they are told
};

struct simulated_faults {
  std::uint32_t deaths = 0;      ///< nodes that die, at random times
  double until = 0;              ///< the last of these times
  double slow_share = 0;         ///< of the hosts, that connect on a hundred times slower
  double leaf_share = 0;         ///< of the hosts, that cannot connect on
  double turned_away_share = 0;  ///< of the connections that fail for no fault of the host
};

struct simulated_run {
  std::uint32_t hosts = 0;
  std::uint64_t seed = 1;
  simulated_site site;
  simulated_faults faults;
  std::uint32_t hosts_of_a_zone = 0xffffffff;
  std::uint32_t arity = 0;  ///< 0: as the model says
  std::uint32_t max_depth = 0xffffffff;
  std::uint32_t leaders = 0;  ///< that many hosts, to which the others are bound in equal parts
};

struct simulated_end {
  /// When hosts that live were up, in order.
  std::vector<double> up;
  std::uint32_t failed = 0;
  // What must be none.
  std::uint32_t never_ended = 0;
  std::uint32_t ended_twice = 0;
  std::uint32_t fresh_twice = 0;  ///< started as fresh though somebody had begun before
  std::uint32_t refused = 0;      ///< events that a pool took for those of a liar

  std::uint32_t unbalanced = 0;  ///< times that a node held other hosts than it was given
  std::uint32_t astray = 0;      ///< up under another host than their leader

  std::uint32_t taken_back = 0;  ///< hosts that children handed back
  std::uint32_t doubtful = 0;    ///< starts that asked the host first
  std::uint64_t events = 0;
  std::size_t root_bytes = 0;  ///< of its pool, at most
  std::uint32_t depth = 0;
  std::uint32_t root_children = 0;
  std::uint32_t max_children = 0;  ///< that a node had at a time

  double last() const noexcept { return up.empty() ? 0 : up.back(); }
  double part(double share) const noexcept {
    return up.empty() ? 0
                      : up[static_cast<std::size_t>(share * static_cast<double>(up.size() - 1))];
  }
};

simulated_end simulate_tree(const simulated_run& run);
/// A tree whose hosts are shared out beforehand. The place of an inner node that is dead goes to
/// the next one of its hosts when its connection has timed out.
simulated_end simulate_static_tree(const simulated_run& run, std::uint32_t arity);
simulated_end simulate_flat(const simulated_run& run);

}  // namespace execo::test
