// Whether hosts are reached by way of each other where that is left open.
#pragma once

#include <cstdint>

#include "shape/cost_model.hpp"

namespace execo::detail {

/// Up to so many hosts are reached directly: the model is one of many hosts, and what it leaves out
/// counts most for few.
inline constexpr std::uint64_t max_direct_hosts = 512;

/// What a login over ssh costs the root itself: `bench/fanout_ssh`, row execo run, has 1.8 ms of
/// its processor. `at_a_time`: how many hosts it reaches at a time.
connect_cost cost_of_direct_login(double at_a_time) noexcept;
/// What it costs a host that runs the program ssh, until the next one can connect on.
connect_cost cost_of_relayed_login() noexcept;

struct reach_question {
  std::uint64_t hosts = 0;
  connect_cost root;        ///< of the root, which has all hosts to itself; its window is full
  connect_cost node;        ///< of a host that connects on
  unsigned arity = 0;       ///< of the tree; 0: as many as connecting suggests
  std::uint64_t bound = 0;  ///< how many hosts at a time, in a tree as well; 0: all in a tree
};

enum class reach_reason : std::uint8_t { few_hosts, direct_is_as_fast, tree_is_faster };

struct reach_choice {
  reach_reason why = reach_reason::few_hosts;
  double direct_seconds = 0;  ///< that the model expects; not of few hosts
  double tree_seconds = 0;    ///< the same
};
/// Directly as long as that is as fast.
reach_choice choose_reach(const reach_question& of) noexcept;

}  // namespace execo::detail
