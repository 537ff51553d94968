#include "shape/cost_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace execo::detail {
namespace {

// Three sites: a cheap key exchange, a dear one, and hosts that are slow to answer.
connect_cost site_a() { return {.cpu = 0.011, .cores = 4, .latency = 0.6, .window = 256}; }
connect_cost site_b() { return {.cpu = 0.088, .cores = 2, .latency = 1.0, .window = 256}; }
connect_cost site_c() { return {.cpu = 0.020, .cores = 2, .latency = 3.0, .window = 256}; }

connect_cost controller(connect_cost of) {
  of.cores = 16;
  return of;
}

// What is printed with two or three digits is right within half of the last one, or 2 %.
void expect_about(double value, double printed) {
  EXPECT_NEAR(value, printed, std::max(0.02 * printed, printed < 10 ? 0.006 : 0.6));
}

struct model_row {
  connect_cost at;
  std::uint64_t hosts;
  double flat;
  unsigned depth;
  std::uint64_t arity;
  double best, k16, k32, k64, asap;
};

const std::vector<model_row>& published_rows() {
  static const std::vector<model_row> rows = {
      {site_a(), 1000, 2.94, 2, 32, 1.37, 1.92, 1.37, 1.55, 1.28},
      {site_a(), 10000, 24, 2, 100, 1.74, 2.56, 2.06, 2.32, 1.62},
      {site_a(), 100000, 235, 3, 47, 2.18, 3.21, 2.74, 2.32, 1.97},
      {site_b(), 1000, 6.49, 3, 10, 4.19, 4.98, 4.73, 7.54, 3.48},
      {site_b(), 10000, 56, 4, 10, 5.58, 6.64, 7.09, 11.3, 4.46},
      {site_b(), 100000, 551, 5, 10, 6.98, 8.30, 9.46, 11.3, 5.45},
      {site_c(), 1000, 14.7, 2, 32, 6.62, 9.45, 6.62, 7.26, 6.03},
      {site_c(), 10000, 120, 2, 100, 7.98, 12.6, 9.93, 10.9, 7.65},
      {site_c(), 100000, 1175, 3, 47, 10.4, 15.8, 13.2, 10.9, 9.27},
  };
  return rows;
}

TEST(cost_model, gives_the_table_of_the_design) {
  for (const model_row& row : published_rows()) {
    SCOPED_TRACE(row.hosts);
    expect_about(flat_time(row.hosts, controller(row.at)), row.flat);
    balanced_shape best = best_balanced(row.hosts, row.at);
    expect_about(best.seconds, row.best);
    expect_about(balanced_time(row.hosts, row.arity, row.at), row.best);
    EXPECT_EQ(best.depth, row.depth);
    expect_about(balanced_time(row.hosts, 16, row.at), row.k16);
    expect_about(balanced_time(row.hosts, 32, row.at), row.k32);
    expect_about(balanced_time(row.hosts, 64, row.at), row.k64);
    expect_about(asap_time(row.hosts, row.at), row.asap);
  }
}

TEST(cost_model, has_the_arities_of_the_design) {
  EXPECT_NEAR(best_arity(site_a()), 68, 1);
  EXPECT_NEAR(best_arity(site_b()), 14, 1);
  EXPECT_NEAR(best_arity(site_c()), 86, 1);
}

TEST(cost_model, best_arity_solves_its_equation) {
  for (double lambda : {1.5, 3.0, 23.0, 218.0, 5000.0}) {
    double k = best_arity({.cpu = 1, .cores = 1, .latency = lambda});
    EXPECT_NEAR(k * (std::log(k) - 1), lambda - 1, 1e-6 * lambda);
  }
}

TEST(cost_model, lambert_w_is_the_inverse_of_its_function) {
  for (double w : {0.0, 1e-6, 0.5, 1.0, 3.0, 20.0})
    EXPECT_NEAR(lambert_w(w * std::exp(w)), w, 1e-9);
}

TEST(cost_model, a_full_window_makes_the_gap) {
  connect_cost at{.cpu = 0.01, .cores = 1, .latency = 1, .window = 10};
  EXPECT_DOUBLE_EQ(start_gap(at), 0.1);
  at.window = 1000;
  EXPECT_DOUBLE_EQ(start_gap(at), 0.01);
}

TEST(cost_model, dead_hosts_hold_the_window_for_their_timeout) {
  connect_cost at{.cpu = 0.001, .latency = 1, .window = 10, .dead_share = 0.5, .timeout = 9};
  EXPECT_DOUBLE_EQ(start_gap(at), 0.5);
}

TEST(cost_model, depth_and_arity_are_inverse) {
  EXPECT_EQ(tree_depth(0, 4), 0U);
  EXPECT_EQ(tree_depth(4, 4), 1U);
  EXPECT_EQ(tree_depth(5, 4), 2U);
  EXPECT_EQ(tree_depth(20, 4), 2U);
  EXPECT_EQ(tree_depth(21, 4), 3U);
  EXPECT_EQ(tree_depth(7, 1), 7U);
  for (std::uint64_t hosts : {1U, 2U, 20U, 999U, 1000000U}) {
    for (unsigned depth = 1; depth <= 6; ++depth) {
      std::uint64_t arity = arity_for_depth(hosts, depth);
      EXPECT_LE(tree_depth(hosts, arity), depth);
      if (arity > 1) {
        EXPECT_GT(tree_depth(hosts, arity - 1), depth);
      }
    }
  }
}

TEST(cost_model, growth_is_the_rate_of_the_postal_recurrence) {
  double r = growth_rate(0.044, 1.0);
  EXPECT_NEAR(std::exp(-r * 0.044) + std::exp(-r * 1.0), 1, 1e-9);
  EXPECT_NEAR(growth_rate(1, 1), std::log(2), 1e-9);
}

TEST(cost_model, copies_down_a_chain_and_a_tree) {
  broadcast_cost copy{.bytes = 1e9, .chunk = 1 << 20, .bandwidth = 1.25e9, .round_trip = 2e-4};
  EXPECT_NEAR(pipelined_time(copy, 1, 10000), 11.2, 0.1);
  EXPECT_NEAR(pipelined_time(copy, 2, 14), 1.6, 0.05);
  copy.chunk = 512 * 1024;
  EXPECT_NEAR(stop_and_wait_time(copy, 8, 5), 34, 1);
}

TEST(cost_model, stays_flat_while_that_is_faster) {
  for (const connect_cost& site : {site_a(), site_b(), site_c()}) {
    EXPECT_EQ(choose_shape(10, controller(site), site).kind, shape_kind::flat);
    shape_choice large = choose_shape(10000, controller(site), site);
    EXPECT_EQ(large.kind, shape_kind::tree);
    EXPECT_LT(large.seconds, flat_time(10000, controller(site)));
    EXPECT_GE(large.arity, least_arity);
    EXPECT_LE(large.arity, max_arity);
  }
}

TEST(cost_model, never_promises_more_than_flat_takes) {
  for (std::uint64_t hosts = 1; hosts < 3000; hosts += 7)
    EXPECT_LE(choose_shape(hosts, controller(site_b()), site_b()).seconds,
              flat_time(hosts, controller(site_b())));
}

TEST(cost_model, a_node_begins_with_what_keeps_its_processors_busy) {
  EXPECT_EQ(first_window(1.0), 8U);
  EXPECT_EQ(first_window(16.0), 32U);
  EXPECT_EQ(first_window(1000.0), 64U);
  EXPECT_EQ(first_window(site_a()), 64U);
  EXPECT_EQ(first_window(site_b()), 23U);
  EXPECT_EQ(first_window({.cpu = 1, .cores = 1, .latency = 1}), 8U);
}

TEST(cost_model, a_root_begins_with_what_a_fan_out_has_in_flight) {
  EXPECT_EQ(first_window_of_root(0.25), 8U);
  EXPECT_EQ(first_window_of_root(2.0), 32U);
  EXPECT_EQ(first_window_of_root(16.0), 256U);
  EXPECT_EQ(first_window_of_root(1000.0), 256U);
  EXPECT_EQ(arity_of_root(2.0, 65536), max_arity);
  EXPECT_EQ(arity_of_root(16.0, 65536), 512U);
  EXPECT_EQ(arity_of_root(16.0, 1024), 240U);
  EXPECT_EQ(arity_of_root(16.0, 10), 1U);
}

TEST(cost_model, hosts_that_fit_into_the_window_do_not_wait_for_it) {
  connect_cost at{.cpu = 0.001, .cores = 1, .latency = 3, .window = 256};
  EXPECT_DOUBLE_EQ(flat_time(256, at), 0.255 + 3);
  EXPECT_GT(flat_time(257, at), 5.9);
}

TEST(cost_model, arity_is_what_the_node_can_hold) {
  EXPECT_EQ(arity_for(site_c()), max_arity);
  EXPECT_EQ(arity_for({.cpu = 1, .latency = 1}), least_arity);
  EXPECT_EQ(arity_for(site_c(), {.open_files = 128}), 16U);
  EXPECT_EQ(arity_for(site_c(), {.open_files = 64}), 1U);
  EXPECT_EQ(arity_for(site_c(), {.open_files = 10}), 1U);
  EXPECT_EQ(arity_for(site_c(), {.memory = 60000000}), 10U);
}

TEST(cost_model, hosts_on_the_cores_of_the_node_have_few_children) {
  EXPECT_EQ(arity_on_own_cores(1), least_arity);
  EXPECT_EQ(arity_on_own_cores(2), least_arity);
  EXPECT_GT(arity_on_own_cores(64), 2 * least_arity);
  EXPECT_LT(arity_on_own_cores(64), max_arity);
}

}  // namespace
}  // namespace execo::detail
