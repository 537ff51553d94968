// When hosts are reached by way of each other, where that is left open.
#include "shape/reach_choice.hpp"

#include <gtest/gtest.h>

namespace execo {
namespace {

using detail::reach_choice;
using detail::reach_question;
using detail::reach_reason;

constexpr auto few = reach_reason::few_hosts;
constexpr auto direct = reach_reason::direct_is_as_fast;
constexpr auto by_tree = reach_reason::tree_is_faster;

struct asked {
  std::uint64_t hosts;
  double at_a_time;     // directly
  std::uint64_t bound;  // in a tree as well; 0: none
  unsigned arity;       // 0: left open
  double node_cpu;      // c of a host that connects on; 0: the usual one
  double latency;       // L, of both; 0: the usual one
  reach_reason expected;
};

reach_choice answer(const asked& of) {
  reach_question made;
  made.hosts = of.hosts;
  made.bound = of.bound;
  made.arity = of.arity;
  made.root = detail::cost_of_direct_login(of.at_a_time);
  made.node = detail::cost_of_relayed_login();
  if (of.node_cpu > 0) made.node.cpu = of.node_cpu;
  if (of.latency > 0) made.root.latency = made.node.latency = of.latency;
  return detail::choose_reach(made);
}

TEST(reach_choice, follows_the_hosts_the_bounds_and_the_costs) {
  for (const asked& of : {
           // Many hosts go by a tree, and up to 512 never do.
           asked{0, 64, 0, 0, 0, 0, few},
           asked{1, 64, 0, 0, 0, 0, few},
           asked{512, 64, 0, 0, 0, 0, few},
           asked{512, 1, 0, 0, 0, 60, few},
           asked{513, 64, 0, 0, 0, 0, by_tree},
           asked{600, 64, 0, 0, 0, 0, by_tree},
           asked{10'000, 64, 0, 0, 0, 0, by_tree},
           asked{1'000'000, 64, 0, 0, 0, 0, by_tree},
           // Who reaches all hosts at a time waits for its own processor alone.
           asked{600, 4096, 0, 0, 0, 0, direct},
           asked{10'000, 4096, 0, 0, 0, 0, by_tree},
           // A bound holds in a tree, too, which is then no faster.
           asked{600, 64, 64, 0, 0, 0, direct},
           asked{100'000, 64, 64, 0, 0, 0, direct},
           asked{10'000, 1, 1, 0, 0, 0, direct},
           asked{10'000, 4096, 4096, 0, 0, 0, by_tree},
           // Few children may make a tree deep, many keep each host busy.
           asked{600, 64, 0, 1, 0, 0, direct},
           asked{600, 64, 0, 8, 0, 0, by_tree},
           asked{600, 64, 0, 1024, 0, 0, direct},
           asked{600, 64, 0, 32, 0, 0, by_tree},
           // Key exchanges that take the hosts 0.11 s, and hosts that are far away.
           asked{513, 64, 0, 0, 0.11, 0, direct},
           asked{2000, 64, 0, 0, 0.11, 0, by_tree},
           asked{600, 64, 0, 0, 0, 3, by_tree},
           asked{600, 600, 0, 0, 0, 3, direct},
       }) {
    const reach_choice found = answer(of);
    EXPECT_EQ(found.why, of.expected)
        << of.hosts << " hosts, " << of.at_a_time << " at a time, bound " << of.bound << ", arity "
        << of.arity << ", c " << of.node_cpu << ", L " << of.latency << ": " << found.direct_seconds
        << " s directly, " << found.tree_seconds << " s by a tree";
  }
}

TEST(reach_choice, says_what_it_expects_of_both) {
  const reach_choice found = answer({600, 64, 0, 0, 0, 0, by_tree});
  EXPECT_NEAR(found.direct_seconds, 599 * 0.3 / 64 + 0.3, 1e-9);
  EXPECT_NEAR(found.tree_seconds, 3 * (9 * 0.02 + 0.3), 0.1);
  const reach_choice other = answer({600, 4096, 0, 0, 0, 0, direct});
  EXPECT_LE(other.direct_seconds, other.tree_seconds);
  EXPECT_NEAR(other.tree_seconds, found.tree_seconds, 1e-9);
}

// More hosts never make it go back to what is slower for fewer.
TEST(reach_choice, stays_with_the_tree_once_that_is_faster) {
  for (double cpu : {0.005, 0.02, 0.11}) {
    bool was_tree = false;
    for (std::uint64_t hosts = 1; hosts < 20'000; hosts += 13) {
      const bool is_tree = answer({hosts, 64, 0, 0, cpu, 0, by_tree}).why == by_tree;
      EXPECT_TRUE(is_tree || !was_tree) << hosts << " hosts, c " << cpu;
      was_tree = is_tree;
    }
    EXPECT_TRUE(was_tree);
  }
}

}  // namespace
}  // namespace execo
