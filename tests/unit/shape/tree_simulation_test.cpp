// The scheduler of a whole tree in simulated time, beside the closed form.
#include "tree_simulation.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "long_count.hpp"

namespace execo::test {
namespace {

simulated_site site(double cpu, double cores, double latency) {
  simulated_site made;
  made.node = {.cpu = cpu, .cores = cores, .latency = latency, .window = 256};
  return made;
}

// A cheap key exchange, a dear one, and hosts that are slow to answer.
const std::array<simulated_site, 3>& sites() {
  static const std::array<simulated_site, 3> all = {site(0.011, 4, 0.6), site(0.088, 2, 1.0),
                                                    site(0.020, 2, 3.0)};
  return all;
}

detail::connect_cost of_root(const simulated_site& at) {
  detail::connect_cost root = at.node;
  root.cores = at.root_cores;
  root.window = at.root_window;
  return root;
}

simulated_run run_of(std::uint32_t hosts, const simulated_site& at, std::uint64_t seed = 1) {
  simulated_run run;
  run.hosts = hosts;
  run.site = at;
  run.seed = seed;
  return run;
}

void expect_sound(const simulated_run& run, const simulated_end& end) {
  SCOPED_TRACE("seed " + std::to_string(run.seed));
  EXPECT_EQ(end.never_ended, 0U);
  EXPECT_EQ(end.ended_twice, 0U);
  EXPECT_EQ(end.fresh_twice, 0U);
  EXPECT_EQ(end.refused, 0U);
  EXPECT_EQ(end.unbalanced, 0U);
  EXPECT_LE(end.up.size() + end.failed, run.hosts);
}

void expect_as_fast_as_flat(const simulated_run& run) {
  simulated_end tree = simulate_tree(run);
  simulated_end flat = simulate_flat(run);
  SCOPED_TRACE(std::to_string(run.hosts) + " hosts, c " + std::to_string(run.site.node.cpu) +
               ", dead " + std::to_string(run.site.node.dead_share) + ", seed " +
               std::to_string(run.seed));
  EXPECT_LE(tree.part(0.5), flat.part(0.5));
  EXPECT_LE(tree.part(0.99), flat.part(0.99));
  EXPECT_LE(tree.last(), flat.last());
}

// Sites, shapes and faults of all kinds, by the seed.
simulated_run wild_run(std::uint64_t seed) {
  auto pick = [&](std::uint64_t below) { return static_cast<std::uint32_t>(seed % below); };
  simulated_run run = run_of(50 + pick(41) * 37, site(0.02, 2, 0.5), seed);
  run.site.node.dead_share = pick(3) * 0.02;
  run.site.node.timeout = 3;
  run.site.latency_sigma = pick(2) * 0.7;
  run.faults.deaths = pick(5) * run.hosts / 20;
  run.faults.until = 1 + pick(7);
  run.faults.slow_share = pick(4) * 0.05;
  run.faults.leaf_share = pick(6) * 0.2;
  run.faults.turned_away_share = pick(3) * 0.15;
  if (pick(2) == 1) run.hosts_of_a_zone = 1 + pick(200);
  if (pick(5) == 1) run.arity = 1 + pick(9);
  if (pick(7) == 2) run.max_depth = 1 + pick(4);
  if (pick(7) == 3) run.leaders = 1 + pick(23);
  return run;
}

TEST(tree_simulation, every_host_ends_once_and_none_is_begun_twice_whatever_dies) {
  std::uint64_t taken_back = 0;
  std::uint64_t doubtful = 0;
  for (int seed = 1; seed <= long_count(1000); ++seed) {
    simulated_run run = wild_run(static_cast<std::uint64_t>(seed));
    simulated_end end = simulate_tree(run);
    expect_sound(run, end);
    taken_back += end.taken_back;
    doubtful += end.doubtful;
  }
  // Else it has shown nothing.
  EXPECT_GT(taken_back, 50U);
  EXPECT_GT(doubtful, 1000U);
}

TEST(tree_simulation, a_seed_gives_the_same_run) {
  simulated_run run = wild_run(89);
  simulated_end one = simulate_tree(run);
  simulated_end two = simulate_tree(run);
  EXPECT_EQ(one.up, two.up);
  EXPECT_EQ(one.events, two.events);
}

TEST(tree_simulation, all_hosts_come_up_when_nothing_fails) {
  for (std::uint32_t hosts : {0U, 1U, 2U, 9U, 100U, 5000U}) {
    simulated_run run = run_of(hosts, sites()[0]);
    simulated_end end = simulate_tree(run);
    expect_sound(run, end);
    EXPECT_EQ(end.up.size(), hosts);
  }
}

TEST(tree_simulation, ten_thousand_hosts_are_up_within_the_model_s_best_and_a_third) {
  for (const simulated_site& at : sites()) {
    double best = detail::best_balanced(10000, at.node).seconds;
    EXPECT_LE(simulate_tree(run_of(10000, at)).last(), 1.3 * best);
  }
}

TEST(tree_simulation, no_tree_is_faster_than_the_postal_bound) {
  for (const simulated_site& at : sites()) {
    simulated_site even = at;
    even.root_cores = at.node.cores;
    EXPECT_GE(simulate_tree(run_of(10000, even)).last(), 0.95 * detail::asap_time(10000, at.node));
  }
}

TEST(tree_simulation, dead_hosts_hold_up_a_static_tree_twice_as_long) {
  for (simulated_site at : sites()) {
    at.node.dead_share = 0.01;
    simulated_run run = run_of(10000, at);
    EXPECT_LE(2 * simulate_tree(run).part(0.99), simulate_static_tree(run, 32).part(0.99));
  }
}

TEST(tree_simulation, so_they_do_when_hosts_differ) {
  for (simulated_site at : {sites()[0], sites()[1]}) {
    at.node.dead_share = 0.01;
    at.latency_sigma = 0.5;
    simulated_run run = run_of(10000, at);
    EXPECT_LE(2 * simulate_tree(run).part(0.99), simulate_static_tree(run, 32).part(0.99));
  }
}

TEST(tree_simulation, over_512_hosts_it_is_never_slower_than_flat) {
  for (const simulated_site& at : sites()) {
    for (std::uint32_t hosts = 513; hosts < 12000; hosts += hosts / 7)
      expect_as_fast_as_flat(run_of(hosts, at));
  }
}

TEST(tree_simulation, so_it_is_where_hosts_differ_and_some_are_dead) {
  for (simulated_site at : sites()) {
    for (std::uint32_t hosts : {513U, 600U, 800U, 1200U, 2500U, 10000U}) {
      for (int seed = 1; seed <= long_count(20); ++seed) {
        for (double dead : {0.0, 0.01}) {
          at.latency_sigma = 0.5;
          at.node.dead_share = dead;
          expect_as_fast_as_flat(run_of(hosts, at, static_cast<std::uint64_t>(seed)));
        }
      }
    }
  }
}

// What `auto` does: it has the model, not the simulation, and the model has a root like all others.
TEST(tree_simulation, what_the_model_chooses_is_never_much_slower_than_the_other) {
  for (const simulated_site& at : sites()) {
    for (std::uint32_t hosts = 10; hosts < 5000; hosts += 1 + hosts / 5) {
      simulated_run run = run_of(hosts, at);
      double tree = simulate_tree(run).last();
      double flat = simulate_flat(run).last();
      bool is_flat =
          detail::choose_shape(hosts, of_root(at), at.node).kind == detail::shape_kind::flat;
      EXPECT_LE(is_flat ? flat : tree, 1.7 * (is_flat ? tree : flat)) << hosts;
    }
  }
}

TEST(tree_simulation, memory_of_the_root_is_below_64_bytes_a_host) {
  for (const simulated_site& at : sites())
    EXPECT_LT(simulate_tree(run_of(20000, at)).root_bytes, 20000U * 64);
}

TEST(tree_simulation, a_chain_is_a_chain) {
  simulated_run run = run_of(60, sites()[0]);
  run.arity = 1;
  simulated_end end = simulate_tree(run);
  EXPECT_EQ(end.max_children, 1U);
  EXPECT_EQ(end.depth, 60U);
}

TEST(tree_simulation, a_fixed_arity_is_kept) {
  simulated_run run = run_of(3000, sites()[0]);
  run.arity = 5;
  run.faults.deaths = 100;
  run.faults.until = 2;
  simulated_end end = simulate_tree(run);
  expect_sound(run, end);
  EXPECT_LE(end.max_children, 5U);
}

TEST(tree_simulation, a_fixed_depth_is_kept) {
  for (std::uint32_t depth : {1U, 2U, 3U}) {
    simulated_run run = run_of(2000, sites()[0]);
    run.max_depth = depth;
    run.arity = static_cast<std::uint32_t>(detail::arity_for_depth(2000, depth));
    simulated_end end = simulate_tree(run);
    expect_sound(run, end);
    EXPECT_EQ(end.depth, depth);
    EXPECT_EQ(end.up.size(), 2000U);
  }
}

TEST(tree_simulation, a_shape_by_hand_is_kept) {
  simulated_run run = run_of(2000, sites()[0]);
  run.leaders = 20;
  simulated_end end = simulate_tree(run);
  expect_sound(run, end);
  EXPECT_EQ(end.up.size(), 2000U);
  EXPECT_EQ(end.astray, 0U);
  EXPECT_EQ(end.root_children, 20U);
  EXPECT_EQ(end.depth, 2U);
}

TEST(tree_simulation, hosts_of_dead_leaders_are_reached_by_others) {
  simulated_run run = run_of(2000, sites()[0]);
  run.leaders = 20;
  run.faults.deaths = 30;
  run.faults.until = 1.5;
  run.site.node.dead_share = 0.1;
  run.site.node.timeout = 1;
  simulated_end end = simulate_tree(run);
  expect_sound(run, end);
  EXPECT_GT(end.astray, 0U);
}

TEST(tree_simulation, hosts_that_cannot_connect_on_are_all_reached_by_the_others) {
  for (double leaves : {0.5, 0.99, 1.0}) {
    simulated_run run = run_of(1000, sites()[0]);
    run.faults.leaf_share = leaves;
    simulated_end end = simulate_tree(run);
    expect_sound(run, end);
    EXPECT_EQ(end.up.size(), 1000U);
  }
}

}  // namespace
}  // namespace execo::test
