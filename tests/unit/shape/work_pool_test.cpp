#include "shape/work_pool.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using to_parent = pool_decisions::to_parent;

constexpr milliseconds took{100};

pool_rules inner_rules() {
  pool_rules rules;
  rules.depth = 1;
  return rules;
}

// A pool with what it decided last.
struct pool_lab {
  explicit pool_lab(const pool_rules& rules) : pool(rules) {}

  pool_decisions& next() {
    out.clear();
    return out;
  }
  void add(host_index first, std::uint32_t count, std::uint32_t zone = 0) {
    pool.add({first, count, zone}, next());
  }
  child_slot up(host_index host, child_role role = child_role::inner) {
    return pool.host_up(host, took, role, next());
  }
  void ask(child_slot child, std::uint32_t credit) { pool.child_asks(child, credit, next()); }
  std::uint64_t given() const {
    std::uint64_t hosts = 0;
    for (const auto& give : out.give)
      for (const host_span& one : out.of(give)) hosts += one.count;
    return hosts;
  }
  host_spans given_to(child_slot child) const {
    host_spans all;
    for (const auto& give : out.give)
      if (give.child == child)
        for (const host_span& one : out.of(give)) append_span(all, one);
    return all;
  }

  work_pool pool;
  pool_decisions out;
};

TEST(work_pool, starts_as_many_as_its_window_takes) {
  pool_lab lab({});
  lab.add(0, 1000);
  EXPECT_EQ(hosts_of(lab.out.start), 8U);
  EXPECT_EQ(lab.pool.in_flight(), 8U);
  EXPECT_EQ(lab.pool.queued(), 992U);
  EXPECT_EQ(lab.out.parent, to_parent::nothing);
}

TEST(work_pool, a_connection_that_ends_makes_room_for_others) {
  pool_lab lab({});
  lab.add(0, 1000);
  lab.up(3);
  EXPECT_EQ(hosts_of(lab.out.start), 2U);  // its own place, and the window has grown
  lab.next();
  lab.pool.host_failed(4, connect_failure::unreachable, lab.out);
  EXPECT_EQ(hosts_of(lab.out.start), 1U);
}

TEST(work_pool, who_is_turned_away_halves_the_window) {
  pool_lab lab({});
  lab.add(0, 1000);
  lab.pool.host_failed(0, connect_failure::turned_away, lab.next());
  EXPECT_TRUE(lab.out.start.empty());
  EXPECT_EQ(lab.pool.window().limit(), 4U);
}

TEST(work_pool, a_thief_is_given_two_hosts_and_then_twice_as_many) {
  pool_lab lab({});
  lab.add(0, 1000);
  child_slot thief = lab.up(0);
  for (std::uint64_t batch : {2U, 4U, 8U, 16U}) {
    lab.ask(thief, 100);
    EXPECT_EQ(lab.given(), batch);
  }
}

// Those that are being started will be thieves as well.
TEST(work_pool, the_first_thief_leaves_their_share_to_those_that_come) {
  pool_lab lab({.window = 100});
  lab.add(0, 300);
  child_slot thief = lab.up(0);
  EXPECT_EQ(lab.pool.in_flight(), 63U);
  lab.ask(thief, 100);
  EXPECT_EQ(lab.given(), 2U);  // of 236
  lab.ask(thief, 100);
  EXPECT_EQ(lab.given(), 2U);
}

TEST(work_pool, a_thief_is_given_no_more_than_it_asks_for) {
  pool_lab lab({});
  lab.add(0, 1000);
  child_slot thief = lab.up(0);
  lab.ask(thief, 1);
  EXPECT_EQ(lab.given(), 1U);
}

TEST(work_pool, thieves_share_half_of_what_is_left) {
  pool_lab lab({});
  lab.add(0, 300);
  child_slot one = lab.up(0);
  child_slot two = lab.up(1);
  for (int i = 0; i < 6; ++i) {
    lab.ask(one, 100);
    lab.ask(two, 100);
  }
  std::uint64_t left = lab.pool.queued();
  lab.ask(one, 100);
  const std::uint64_t shares = 2 * (2 + std::uint64_t{lab.pool.in_flight()});
  EXPECT_EQ(lab.given(), (left + shares - 1) / shares);
}

TEST(work_pool, thieves_that_find_nothing_are_served_in_order_when_there_is_something) {
  pool_lab lab({});
  lab.add(0, 2);
  child_slot one = lab.up(0);
  child_slot two = lab.up(1);
  lab.ask(two, 1);
  lab.ask(one, 1);
  EXPECT_TRUE(lab.out.give.empty());
  lab.add(2, 100);
  ASSERT_EQ(lab.out.give.size(), 2U);
  EXPECT_EQ(lab.out.give[0].child, two);
  EXPECT_EQ(lab.out.give[1].child, one);
}

TEST(work_pool, a_thief_gets_hosts_of_its_zone_first) {
  pool_lab lab({});
  lab.add(0, 100, 1);
  lab.add(100, 100, 2);
  host_index in_two = 0;
  for (int i = 0; in_two == 0 && i < 8; ++i) {
    lab.pool.host_failed(static_cast<host_index>(i), connect_failure::unreachable, lab.next());
    for (const host_span& one : lab.out.start)
      if (one.zone == 2) in_two = one.first;
  }
  ASSERT_GE(in_two, 100U);
  child_slot thief = lab.up(in_two);
  lab.ask(thief, 2);
  for (const host_span& one : lab.given_to(thief)) EXPECT_EQ(one.zone, 2U);
  EXPECT_EQ(lab.given(), 2U);
}

TEST(work_pool, a_node_is_in_the_zone_of_the_first_hosts_that_it_receives) {
  pool_lab lab(inner_rules());
  lab.pool.joined(lab.next());
  const host_span own[] = {{10, 1, 7}};
  ASSERT_TRUE(lab.pool.receive(own, lab.next()));
  lab.pool.host_failed(10, connect_failure::unreachable, lab.next());
  lab.add(100, 20, 3);
  lab.add(200, 2, 7);
  ASSERT_EQ(hosts_of(lab.out.start), 0U);
  lab.pool.host_failed(100, connect_failure::unreachable, lab.next());
  ASSERT_EQ(lab.out.start.size(), 1U);
  EXPECT_EQ(lab.out.start.front().zone, 7U);
}

TEST(work_pool, the_root_starts_the_first_host_of_each_zone) {
  pool_rules rules;
  rules.window = 16;
  pool_lab lab(rules);
  host_spans started;
  // All at once: the first ones are started as soon as they are there.
  lab.add(0, 1, 0);
  for (std::uint32_t zone = 1; zone < 10; ++zone) {
    lab.add(zone * 100, 100, zone);
    for (const host_span& one : lab.out.start) append_span(started, one);
  }
  EXPECT_EQ(started.front().zone, 1U);
  pool_lab waits([] {
    pool_rules narrow;
    narrow.window = 1;
    return narrow;
  }());
  waits.add(0, 100, 0);
  for (std::uint32_t zone = 1; zone < 4; ++zone) waits.add(zone * 100, 100, zone);
  std::vector<std::uint32_t> zones;
  host_index flying = 0;
  for (int i = 0; i < 4; ++i) {
    waits.pool.host_failed(flying, connect_failure::unreachable, waits.next());
    ASSERT_EQ(hosts_of(waits.out.start), 1U);
    flying = waits.out.start[0].first;
    zones.push_back(waits.out.start[0].zone);
  }
  EXPECT_EQ(zones, (std::vector<std::uint32_t>{1, 2, 3, 0}));
}

TEST(work_pool, an_inner_node_asks_once_and_for_what_it_can_start) {
  pool_lab lab(inner_rules());
  lab.pool.joined(lab.next());
  EXPECT_EQ(lab.out.parent, to_parent::ask);
  EXPECT_EQ(lab.out.credit, 8U);
  lab.pool.tick(seconds(1), lab.next());
  EXPECT_EQ(lab.out.parent, to_parent::nothing);
  const host_span work[] = {{5, 3}};
  ASSERT_TRUE(lab.pool.receive(work, lab.next()));
  EXPECT_EQ(hosts_of(lab.out.start), 3U);
  EXPECT_EQ(lab.out.parent, to_parent::ask);
  EXPECT_EQ(lab.out.credit, 5U);
}

TEST(work_pool, one_request_goes_up_for_all_thieves) {
  pool_lab lab(inner_rules());
  lab.pool.joined(lab.next());
  const host_span work[] = {{0, 2}};
  ASSERT_TRUE(lab.pool.receive(work, lab.next()));
  child_slot one = lab.up(0);
  child_slot two = lab.up(1);
  lab.ask(one, 10);
  lab.ask(two, 20);
  EXPECT_EQ(lab.out.parent, to_parent::nothing);  // it has asked already
  const host_span one_more[] = {{2, 1}};
  ASSERT_TRUE(lab.pool.receive(one_more, lab.next()));
  EXPECT_EQ(lab.out.parent, to_parent::ask);
  EXPECT_EQ(lab.out.credit, lab.pool.window().room() + 30);
}

TEST(work_pool, takes_no_more_from_its_parent_than_it_asked_for) {
  pool_lab lab(inner_rules());
  const host_span two[] = {{0, 2}};
  EXPECT_FALSE(lab.pool.receive(two, lab.next()));  // it has not asked at all
  lab.pool.joined(lab.next());
  const host_span many[] = {{0, 4}, {10, 5}};
  EXPECT_FALSE(lab.pool.receive(many, lab.next()));
  EXPECT_EQ(lab.pool.queued(), 0U);
}

TEST(work_pool, a_node_has_no_more_children_than_its_arity) {
  pool_rules rules;
  rules.arity = 3;
  pool_lab lab(rules);
  lab.add(0, 100);
  EXPECT_EQ(hosts_of(lab.out.start), 3U);
  for (host_index h = 0; h < 3; ++h) {
    lab.up(h);
    EXPECT_TRUE(lab.out.start.empty());
  }
  lab.pool.child_lost(1, lab.next());
  EXPECT_EQ(hosts_of(lab.out.start), 1U);
}

TEST(work_pool, a_host_that_failed_is_no_child) {
  pool_rules rules;
  rules.arity = 1;
  pool_lab lab(rules);
  lab.add(0, 5);
  lab.pool.host_failed(0, connect_failure::unreachable, lab.next());
  EXPECT_EQ(hosts_of(lab.out.start), 1U);
}

TEST(work_pool, goes_beyond_its_arity_when_every_child_is_full) {
  pool_rules rules;
  rules.arity = 2;
  pool_lab lab(rules);
  lab.add(0, 100);
  lab.up(0, child_role::leaf);
  EXPECT_TRUE(lab.out.start.empty());
  child_slot last = lab.up(1);
  EXPECT_TRUE(lab.out.start.empty());
  lab.ask(last, 0);
  EXPECT_EQ(hosts_of(lab.out.start), lab.pool.window().limit());
}

TEST(work_pool, tells_its_parent_once_that_it_is_full_and_asks_again_when_it_is_not) {
  pool_rules rules = inner_rules();
  rules.arity = 1;
  pool_lab lab(rules);
  lab.pool.joined(lab.next());
  EXPECT_EQ(lab.out.credit, 1U);
  const host_span work[] = {{0, 1}};
  ASSERT_TRUE(lab.pool.receive(work, lab.next()));
  child_slot only = lab.up(0);
  EXPECT_EQ(lab.out.parent, to_parent::nothing);  // the child may still ask
  lab.ask(only, 0);
  EXPECT_EQ(lab.out.parent, to_parent::full);
  lab.ask(only, 0);
  EXPECT_EQ(lab.out.parent, to_parent::nothing);
  lab.pool.child_lost(only, lab.next());
  EXPECT_EQ(lab.out.parent, to_parent::ask);
}

TEST(work_pool, children_of_a_flat_tree_are_full) {
  pool_rules rules;
  rules.max_depth = 1;
  rules.arity = 4;
  pool_lab lab(rules);
  lab.add(0, 100);
  for (host_index h = 0; h < 4; ++h) lab.up(h);
  EXPECT_FALSE(lab.out.start.empty());
}

TEST(work_pool, what_a_lost_child_had_is_started_again_as_doubtful) {
  pool_lab lab({});
  lab.add(0, 11);
  child_slot child = lab.up(0);
  lab.ask(child, 1);
  ASSERT_EQ(lab.given(), 1U);
  for (host_index h = 1; h < 10; ++h) lab.up(h);
  std::size_t before = lab.pool.given();
  lab.pool.child_lost(child, lab.next());
  ASSERT_EQ(lab.out.start.size(), 1U);
  EXPECT_EQ(lab.out.start[0].claim, host_claim::doubtful);
  EXPECT_EQ(lab.pool.given(), before);
}

TEST(work_pool, what_a_lost_child_told_of_is_over) {
  pool_lab lab({});
  lab.add(0, 9);
  child_slot child = lab.up(0);
  lab.add(9, 100);
  lab.ask(child, 2);
  host_index first = lab.given_to(child)[0].first;
  EXPECT_TRUE(lab.pool.host_ended(child, first, host_fate::up, lab.next()));
  lab.pool.child_lost(child, lab.next());
  EXPECT_EQ(lab.pool.queued() + lab.pool.given() + 2, 109U);
}

TEST(work_pool, a_child_cannot_speak_for_hosts_that_it_was_not_given) {
  pool_lab lab({});
  lab.add(0, 100);
  child_slot child = lab.up(0);
  EXPECT_FALSE(lab.pool.host_ended(child, 50, host_fate::up, lab.next()));  // in the queue
  EXPECT_FALSE(lab.pool.host_ended(child, 3, host_fate::up, lab.next()));   // started here
  lab.ask(child, 2);
  host_index mine = lab.given_to(child)[0].first;
  EXPECT_TRUE(lab.pool.host_ended(child, mine, host_fate::up, lab.next()));
  EXPECT_FALSE(lab.pool.host_ended(child, mine, host_fate::up, lab.next()));
}

// A root that has nothing left while a child has hosts and does not move.
struct slow_child_lab : pool_lab {
  slow_child_lab() : pool_lab({}) {
    add(0, 11);
    child = up(0);  // two more are started then
    ask(child, 1);
    held = given_to(child);
    for (host_index h = 1; h < 10; ++h) up(h);
  }
  child_slot child;
  host_spans held;
};

TEST(work_pool, takes_hosts_back_from_a_child_that_is_slow) {
  slow_child_lab lab;
  ASSERT_EQ(hosts_of(lab.held), 1U);
  lab.pool.tick(milliseconds(900), lab.next());
  EXPECT_TRUE(lab.out.take_back.empty());
  lab.pool.tick(seconds(3), lab.next());
  ASSERT_EQ(lab.out.take_back.size(), 1U);
  EXPECT_EQ(lab.out.of(lab.out.take_back[0])[0].first, lab.held[0].first);
  lab.pool.tick(seconds(6), lab.next());
  EXPECT_TRUE(lab.out.take_back.empty());  // one at a time
  ASSERT_TRUE(lab.pool.child_returns(lab.child, lab.held, lab.next()));
  ASSERT_EQ(lab.out.start.size(), 1U);
  EXPECT_EQ(lab.out.start[0].claim, host_claim::fresh);
}

TEST(work_pool, a_child_that_hands_nothing_back_is_left_alone_for_a_while) {
  slow_child_lab lab;
  lab.pool.tick(seconds(3), lab.next());
  ASSERT_EQ(lab.out.take_back.size(), 1U);
  ASSERT_TRUE(lab.pool.child_returns(lab.child, {}, lab.next()));
  lab.pool.tick(seconds(3) + milliseconds(500), lab.next());
  EXPECT_TRUE(lab.out.take_back.empty());
  lab.pool.tick(seconds(5), lab.next());
  EXPECT_EQ(lab.out.take_back.size(), 1U);
}

TEST(work_pool, takes_back_only_what_it_asked_for_and_what_the_child_has) {
  slow_child_lab lab;
  EXPECT_FALSE(lab.pool.child_returns(lab.child, lab.held, lab.next()));
  lab.pool.tick(seconds(3), lab.next());
  host_spans too_many = lab.held;
  too_many[0].count = 1000;
  EXPECT_FALSE(lab.pool.child_returns(lab.child, too_many, lab.next()));
  const host_span others[] = {{1, 1}};
  EXPECT_FALSE(lab.pool.child_returns(lab.child, others, lab.next()));
}

TEST(work_pool, a_host_that_was_begun_is_not_handed_back) {
  pool_lab lab(inner_rules());
  lab.pool.joined(lab.next());
  const host_span work[] = {{0, 8}};
  ASSERT_TRUE(lab.pool.receive(work, lab.next()));
  host_spans back;
  lab.pool.revoke(work, back);
  EXPECT_TRUE(back.empty());
}

TEST(work_pool, what_waits_is_handed_back_and_forgotten) {
  pool_lab lab(inner_rules());
  lab.pool.joined(lab.next());
  lab.pool.overloaded();
  const host_span work[] = {{0, 8}};
  ASSERT_TRUE(lab.pool.receive(work, lab.next()));
  EXPECT_EQ(hosts_of(lab.out.start), 4U);
  host_spans back;
  lab.pool.revoke(work, back);
  EXPECT_EQ(hosts_of(back), 4U);
  EXPECT_EQ(lab.pool.queued(), 0U);
  back.clear();
  lab.pool.revoke(work, back);
  EXPECT_TRUE(back.empty());
}

TEST(work_pool, the_place_of_a_lost_child_is_used_again) {
  pool_lab lab({});
  lab.add(0, 100);
  child_slot first = lab.up(0);
  lab.ask(first, 5);
  lab.pool.child_lost(first, lab.next());
  EXPECT_EQ(lab.up(1), first);
  lab.ask(first, 5);
  EXPECT_EQ(lab.given(), 2U);  // as if it had never been there
}

host_span leader(host_index host) {
  host_span one{host, 1};
  one.leads = true;
  return one;
}

host_span bound(host_index first, std::uint32_t count, host_index under) {
  host_span some{first, count};
  some.under = under;
  return some;
}

TEST(work_pool, bound_hosts_wait_for_their_leader_and_go_to_it) {
  pool_lab lab({});
  lab.pool.add(leader(0), lab.next());
  lab.pool.add(bound(10, 5, 0), lab.next());
  EXPECT_TRUE(lab.out.start.empty());
  EXPECT_EQ(lab.pool.queued(), 5U);
  child_slot child = lab.up(0);
  host_spans given = lab.given_to(child);
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].count, 5U);
  EXPECT_EQ(given[0].under, 0U);
  lab.pool.add(bound(20, 2, 0), lab.next());
  EXPECT_EQ(lab.given(), 2U);
}

TEST(work_pool, a_leader_starts_what_is_bound_to_it_and_gives_none_of_it_away) {
  pool_rules rules = inner_rules();
  rules.self = 7;
  pool_lab lab(rules);
  lab.pool.joined(lab.next());
  const host_span work[] = {bound(20, 12, 7)};
  ASSERT_TRUE(lab.pool.receive(work, lab.next()));
  EXPECT_EQ(hosts_of(lab.out.start), 8U);
  child_slot thief = lab.up(20);
  lab.ask(thief, 10);
  EXPECT_EQ(lab.given(), 0U);
}

TEST(work_pool, hosts_of_a_leader_that_failed_are_anybody_s) {
  pool_lab lab({});
  lab.pool.add(leader(0), lab.next());
  lab.pool.add(bound(10, 3, 0), lab.next());
  lab.pool.host_failed(0, connect_failure::unreachable, lab.next());
  EXPECT_EQ(hosts_of(lab.out.start), 3U);
  EXPECT_EQ(lab.out.start[0].under, anybody);
}

TEST(work_pool, a_leader_below_a_child_is_reached_through_it) {
  pool_lab lab({});
  lab.add(0, 8);
  lab.pool.add(leader(30), lab.next());
  lab.pool.add({31, 3}, lab.next());
  lab.pool.add(bound(50, 3, 30), lab.next());
  lab.pool.overloaded();  // else it would start the leader by itself
  child_slot child = lab.up(0);
  lab.ask(child, 1);
  host_spans given = lab.given_to(child);
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].first, 30U);
  EXPECT_TRUE(given[0].leads);
  ASSERT_TRUE(lab.pool.host_ended(child, 30, host_fate::up, lab.next()));
  given = lab.given_to(child);
  ASSERT_EQ(given.size(), 1U);
  EXPECT_EQ(given[0].first, 50U);
  EXPECT_EQ(given[0].under, 30U);
}

TEST(work_pool, leaders_below_leaders_are_given_the_same_way_one_after_the_other) {
  pool_lab lab({});
  lab.pool.add(leader(0), lab.next());
  for (host_index next : {1U, 2U, 3U}) {
    host_span one = bound(next, 1, next - 1);
    one.leads = true;
    lab.pool.add(one, lab.next());
  }
  lab.pool.add(bound(10, 5, 3), lab.next());
  EXPECT_TRUE(lab.out.start.empty());
  child_slot child = lab.up(0);
  for (host_index next : {1U, 2U, 3U}) {
    host_spans given = lab.given_to(child);
    ASSERT_EQ(given.size(), 1U);
    EXPECT_EQ(given[0].first, next);
    EXPECT_EQ(given[0].under, next - 1);
    EXPECT_TRUE(given[0].leads);
    ASSERT_TRUE(lab.pool.host_ended(child, next, host_fate::up, lab.next()));
  }
  EXPECT_EQ(hosts_of(lab.given_to(child)), 5U);
}

TEST(work_pool, hosts_of_a_leader_that_is_lost_are_anybody_s) {
  pool_lab lab({});
  lab.pool.add(leader(0), lab.next());
  lab.pool.add(bound(10, 3, 0), lab.next());
  child_slot child = lab.up(0);
  lab.pool.child_lost(child, lab.next());
  EXPECT_EQ(hosts_of(lab.out.start), 3U);
  EXPECT_EQ(lab.out.start[0].claim, host_claim::doubtful);
}

TEST(work_pool, a_leader_that_cannot_connect_on_leads_nobody) {
  pool_lab lab({});
  lab.pool.add(leader(0), lab.next());
  lab.pool.add(bound(10, 3, 0), lab.next());
  lab.up(0, child_role::leaf);
  EXPECT_EQ(hosts_of(lab.out.start), 3U);
}

TEST(work_pool, a_million_hosts_cost_nothing_while_they_wait) {
  pool_lab lab({});
  lab.add(0, 1000000);
  EXPECT_LT(lab.pool.bytes(), 2000U);
}

}  // namespace
}  // namespace execo::detail
