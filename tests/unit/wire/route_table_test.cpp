#include "wire/route_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

namespace execo::test {
namespace {

using detail::index_ranges;
using detail::route_table;

index_ranges some_of_a_hundred(std::mt19937_64& random) {
  index_ranges set;
  for (std::uint64_t i = random() % 5; i > 0; --i) {
    const auto first = static_cast<std::uint32_t>(random() % 90);
    set |= index_ranges(first, first + static_cast<std::uint32_t>(random() % 10));
  }
  return set;
}

TEST(route_table, sends_each_index_the_way_that_was_said_last) {
  std::mt19937_64 random(21);
  route_table table;
  std::map<std::uint32_t, std::uint32_t> model;
  for (int step = 0; step < 2'000; ++step) {
    const index_ranges hosts = some_of_a_hundred(random);
    const auto link = static_cast<std::uint32_t>(random() % 4);
    switch (random() % 5) {
      case 0:
        table.erase(hosts);
        hosts.for_each([&](std::uint32_t index) { model.erase(index); });
        break;
      case 1: {
        index_ranges gone;
        for (auto at = model.begin(); at != model.end();) {
          const bool is_there = at->second == link;
          if (is_there) gone.insert(at->first);
          at = is_there ? model.erase(at) : std::next(at);
        }
        ASSERT_EQ(table.hosts_of(link), gone);
        ASSERT_EQ(table.erase_link(link), gone);
        break;
      }
      default:
        table.assign(hosts, link);
        hosts.for_each([&](std::uint32_t index) { model[index] = link; });
    }
    for (std::uint32_t i = 0; i < 110; ++i) {
      auto known = model.find(i);
      ASSERT_EQ(table.find(i), known == model.end() ? route_table::nowhere : known->second);
    }
    ASSERT_EQ(table.empty(), model.empty());
  }
}

TEST(route_table, splits_a_set_by_the_ways_of_its_indices) {
  std::mt19937_64 random(22);
  for (int round = 0; round < 2'000; ++round) {
    route_table table;
    for (std::uint32_t link = 0; link < 4; ++link) table.assign(some_of_a_hundred(random), link);
    const index_ranges hosts = some_of_a_hundred(random);
    index_ranges sum;
    std::vector<std::uint32_t> links;
    for (const route_table::part& part : table.split(hosts)) {
      ASSERT_FALSE(part.hosts.empty());
      ASSERT_FALSE(sum.intersects(part.hosts));
      sum |= part.hosts;
      part.hosts.for_each([&](std::uint32_t index) { ASSERT_EQ(table.find(index), part.link); });
      if (!links.empty()) {
        ASSERT_LT(links.back(), part.link);
      }
      links.push_back(part.link);
    }
    ASSERT_EQ(sum, hosts);
  }
}

TEST(route_table, reaches_to_both_ends) {
  route_table table;
  table.assign(index_ranges(0, index_ranges::highest), 1);
  table.assign(index_ranges(0), 2);
  table.assign(index_ranges(index_ranges::highest), 3);
  EXPECT_EQ(table.find(0), 2U);
  EXPECT_EQ(table.find(1), 1U);
  EXPECT_EQ(table.find(index_ranges::highest), 3U);
  EXPECT_EQ(table.split(index_ranges(0, index_ranges::highest)).size(), 3U);
}

}  // namespace
}  // namespace execo::test
