#include "shape/host_queue.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>

namespace execo::detail {
namespace {

std::string text(const host_spans& spans) {
  std::string all;
  for (const host_span& one : spans) {
    if (!all.empty()) all += ' ';
    all += std::to_string(one.first) + '+' + std::to_string(one.count);
    if (one.claim == host_claim::doubtful) all += '?';
  }
  return all;
}

std::string taken(host_queue& from, std::uint32_t zone, std::uint64_t most) {
  host_spans to;
  from.take(zone, most, to);
  return text(to);
}

TEST(host_queue, gives_hosts_in_the_order_of_their_indices) {
  host_queue q;
  q.add({10, 5});
  q.add({0, 3});
  EXPECT_EQ(q.size(), 8U);
  EXPECT_EQ(taken(q, 0, 4), "0+3 10+1");
  EXPECT_EQ(taken(q, 0, 100), "11+4");
  EXPECT_TRUE(q.empty());
  EXPECT_EQ(taken(q, 0, 1), "");
}

TEST(host_queue, joins_neighbours_on_both_sides) {
  host_queue q;
  q.add({0, 3});
  q.add({6, 3});
  EXPECT_EQ(q.spans(), 2U);
  q.add({3, 3});
  EXPECT_EQ(q.spans(), 1U);
  EXPECT_EQ(taken(q, 0, 9), "0+9");
  EXPECT_EQ(q.spans(), 0U);
}

TEST(host_queue, keeps_the_doubtful_apart) {
  host_queue q;
  q.add({0, 3});
  q.add({3, 3, 0, host_claim::doubtful});
  q.add({6, 3});
  EXPECT_EQ(q.spans(), 3U);
  EXPECT_EQ(taken(q, 0, 9), "0+3 3+3? 6+3");
}

TEST(host_queue, crosses_zones_only_when_the_own_one_is_done) {
  host_queue q;
  q.add({0, 3, 1});
  q.add({3, 3, 2});
  EXPECT_EQ(taken(q, 2, 2), "3+2");
  EXPECT_EQ(taken(q, 2, 2), "5+1");
  EXPECT_EQ(taken(q, 2, 2), "0+2");
}

TEST(host_queue, takes_of_each_zone_in_turn) {
  host_queue q;
  for (std::uint32_t zone = 0; zone < 3; ++zone) q.add({zone * 10, 2, zone});
  host_spans to;
  for (int i = 0; i < 6; ++i) q.take_in_turn(to);
  EXPECT_EQ(text(to), "0+1 10+1 20+1 1+1 11+1 21+1");
}

TEST(host_queue, takes_what_is_wanted_out_of_the_middle) {
  host_queue q;
  q.add({0, 10});
  host_spans to;
  q.take_fresh({3, 2}, to);
  q.take_fresh({8, 20}, to);
  q.take_fresh({100, 1}, to);
  q.take_fresh({0, 1, 7}, to);
  EXPECT_EQ(text(to), "3+2 8+2");
  EXPECT_EQ(q.size(), 6U);
  EXPECT_EQ(taken(q, 0, 10), "0+3 5+3");
}

TEST(host_queue, does_not_give_back_what_is_doubtful) {
  host_queue q;
  q.add({0, 2, 0, host_claim::doubtful});
  q.add({2, 2});
  host_spans to;
  q.take_fresh({0, 4}, to);
  EXPECT_EQ(text(to), "2+2");
}

TEST(host_queue, holds_what_a_set_would_hold) {
  std::mt19937 random(7);
  host_queue q;
  std::set<host_index> model;
  for (int round = 0; round < 4000; ++round) {
    auto first = static_cast<host_index>(random() % 400);
    auto count = static_cast<std::uint32_t>(1 + random() % 20);
    host_spans to;
    switch (random() % 3) {
      case 0:
        for (host_index h = first; h < first + count; ++h)
          if (model.insert(h).second) q.add({h, 1});
        break;
      case 1:
        q.take(0, count, to);
        break;
      default:
        q.take_fresh({first, count}, to);
    }
    for (const host_span& one : to)
      for (std::uint64_t h = one.first; h < one.end(); ++h)
        ASSERT_EQ(model.erase(static_cast<host_index>(h)), 1U);
    ASSERT_EQ(q.size(), model.size());
  }
}

}  // namespace
}  // namespace execo::detail
