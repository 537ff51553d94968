#include "shape/given_hosts.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace execo::detail {
namespace {

TEST(given_hosts, knows_who_has_a_host) {
  given_hosts g;
  g.add(7, 1, {3, 9, host_claim::fresh});
  EXPECT_TRUE(g.has(7, 1));
  EXPECT_FALSE(g.has(7, 2));
  EXPECT_FALSE(g.remove(7, 2));
  EXPECT_FALSE(g.remove(8, 1));
  auto what = g.remove(7, 1);
  ASSERT_TRUE(what);
  EXPECT_EQ(what->zone, 3U);
  EXPECT_EQ(what->mark, 9U);
  EXPECT_FALSE(g.remove(7, 1));
  EXPECT_TRUE(g.empty());
}

TEST(given_hosts, gives_the_newest_first) {
  given_hosts g;
  for (host_index h = 0; h < 10; ++h) g.add(h * 2, 1, {0, 0, host_claim::fresh});
  g.add(100, 2, {0, 0, host_claim::fresh});
  host_spans to;
  g.newest(1, 2, to);
  ASSERT_EQ(to.size(), 2U);
  EXPECT_EQ(to[0].first, 18U);
  EXPECT_EQ(to[1].first, 16U);
  EXPECT_EQ(g.size(1), 10U);
}

TEST(given_hosts, takes_all_of_one_taker_back_as_doubtful) {
  given_hosts g;
  for (host_index h = 0; h < 100; ++h) g.add(h, h % 2, {5, 0, host_claim::fresh});
  host_spans to;
  g.take_back(1, to);
  EXPECT_EQ(hosts_of(to), 50U);
  for (const host_span& one : to) {
    EXPECT_EQ(one.first % 2, 1U);
    EXPECT_EQ(one.zone, 5U);
    EXPECT_EQ(one.claim, host_claim::doubtful);
  }
  EXPECT_EQ(g.size(0), 50U);
  EXPECT_EQ(g.size(1), 0U);
}

TEST(given_hosts, keeps_little_memory_when_it_is_empty) {
  given_hosts g;
  for (host_index h = 0; h < 100000; ++h) g.add(h, 1, {0, 0, host_claim::fresh});
  EXPECT_LT(g.bytes(), 100000U * 64);
  host_spans to;
  g.take_back(1, to);
  EXPECT_EQ(to.size(), 1U);
  EXPECT_LT(g.bytes(), 100U);
}

TEST(given_hosts, holds_what_a_map_would_hold) {
  std::mt19937 random(11);
  given_hosts g;
  std::map<host_index, given_hosts::taker> model;
  for (int round = 0; round < 20000; ++round) {
    auto host = static_cast<host_index>(random() % 500);
    auto by = static_cast<given_hosts::taker>(random() % 4);
    if (random() % 2 == 0) {
      if (model.emplace(host, by).second) g.add(host, by, {0, 0, host_claim::fresh});
    } else {
      auto at = model.find(host);
      bool has = at != model.end() && at->second == by;
      ASSERT_EQ(g.has(host, by), has);
      ASSERT_EQ(g.remove(host, by).has_value(), has);
      if (has) model.erase(at);
    }
    if (round % 5000 == 4999) {
      host_spans to;
      g.take_back(by, to);
      ASSERT_EQ(hosts_of(to), std::erase_if(model, [&](auto& one) { return one.second == by; }));
    }
    ASSERT_EQ(g.size(), model.size());
  }
}

}  // namespace
}  // namespace execo::detail
