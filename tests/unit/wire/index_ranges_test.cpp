#include "wire/index_ranges.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace execo::test {
namespace {

using detail::index_range;
using detail::index_ranges;
using detail::wire_reader;
using detail::wire_writer;
using ::testing::ElementsAre;

constexpr std::uint32_t highest = index_ranges::highest;

index_ranges ranges(std::initializer_list<index_range> list) {
  index_ranges made;
  for (index_range r : list) made.append(r.first, r.last);
  return made;
}

std::string encoded(const index_ranges& set) {
  std::string bytes;
  wire_writer into(bytes);
  set.encode(into);
  return bytes;
}

std::optional<index_ranges> decoded(std::string_view bytes) {
  wire_reader from(bytes);
  index_ranges set(5);
  set.decode(from);
  if (!from.finished()) return std::nullopt;
  return set;
}

// The same sets as sets of numbers, which a reader believes at sight.
std::set<std::uint32_t> numbers(const index_ranges& set) {
  std::set<std::uint32_t> all;
  set.for_each([&](std::uint32_t index) { all.insert(index); });
  return all;
}

index_ranges random_ranges(std::mt19937_64& random) {
  index_ranges set;
  const auto wanted = random() % 20;
  for (std::uint64_t i = 0; i < wanted; ++i) {
    const auto first = static_cast<std::uint32_t>(random() % 100);
    set |= index_ranges(first, first + static_cast<std::uint32_t>(random() % 6));
  }
  return set;
}

bool is_in_form(const index_ranges& set) {
  const std::vector<index_range>& all = set.ranges();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].first > all[i].last) return false;
    if (i > 0 && all[i].first <= std::uint64_t{all[i - 1].last} + 1) return false;
  }
  return true;
}

TEST(index_ranges, join_what_has_no_gap) {
  EXPECT_THAT(ranges({{1, 3}, {4, 5}, {7, 7}}).ranges(),
              ElementsAre(index_range(1, 5), index_range(7, 7)));
  index_ranges set = ranges({{1, 3}, {5, 6}});
  set.insert(4);
  EXPECT_EQ(set, index_ranges(1, 6));
  set.erase(3);
  EXPECT_EQ(set, ranges({{1, 2}, {4, 6}}));
}

TEST(index_ranges, know_their_count_and_their_only_one) {
  EXPECT_EQ(index_ranges(0, highest).count(), 0xffff'ffffU);
  EXPECT_EQ(index_ranges(4).single(), 4U);
  EXPECT_EQ(index_ranges(4, 5).single(), std::nullopt);
  EXPECT_EQ(index_ranges().single(), std::nullopt);
}

TEST(index_ranges, behave_as_sets_of_numbers) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 3'000; ++round) {
    const index_ranges a = random_ranges(random);
    const index_ranges b = random_ranges(random);
    const std::set<std::uint32_t> of_a = numbers(a);
    const std::set<std::uint32_t> of_b = numbers(b);
    std::set<std::uint32_t> sum = of_a;
    sum.insert(of_b.begin(), of_b.end());
    std::set<std::uint32_t> common;
    std::set<std::uint32_t> rest;
    for (std::uint32_t index : of_a) (of_b.count(index) > 0 ? common : rest).insert(index);
    ASSERT_EQ(numbers(a | b), sum);
    ASSERT_EQ(numbers(a & b), common);
    ASSERT_EQ(numbers(a - b), rest);
    for (const index_ranges& made : {a | b, a & b, a - b}) ASSERT_TRUE(is_in_form(made));
    ASSERT_EQ(a.contains(b), rest.size() + of_b.size() == of_a.size());
    ASSERT_EQ(a.intersects(b), !common.empty());
    ASSERT_EQ(a.count(), of_a.size());
    for (std::uint32_t i = 0; i < 110; ++i) ASSERT_EQ(a.contains(i), of_a.count(i) > 0);
  }
}

TEST(index_ranges, take_and_lose_single_indices_as_sets_do) {
  std::mt19937_64 random(12);
  index_ranges set;
  std::set<std::uint32_t> model;
  for (int step = 0; step < 3'000; ++step) {
    const auto index = static_cast<std::uint32_t>(random() % 60);
    if (random() % 2 == 0) {
      set.insert(index);
      model.insert(index);
    } else {
      set.erase(index);
      model.erase(index);
    }
    ASSERT_EQ(numbers(set), model);
    ASSERT_TRUE(is_in_form(set));
  }
}

TEST(index_ranges, reach_to_both_ends) {
  const index_ranges all(0, highest);
  EXPECT_EQ((all - index_ranges(0)) - index_ranges(highest), index_ranges(1, highest - 1));
  EXPECT_EQ(index_ranges(1, highest) | index_ranges(0), all);
  EXPECT_EQ(all - all, index_ranges());
  index_ranges set(highest - 1);
  set.insert(highest);
  EXPECT_EQ(set, index_ranges(highest - 1, highest));
  EXPECT_EQ(decoded(encoded(all)), all);
}

TEST(index_ranges, come_back_from_their_bytes_and_know_how_many_they_are) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 2'000; ++round) {
    const index_ranges set = random_ranges(random);
    const std::string bytes = encoded(set);
    ASSERT_EQ(bytes.size(), set.encoded_size());
    ASSERT_EQ(decoded(bytes), set);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      ASSERT_EQ(decoded(std::string_view(bytes).substr(0, size)), std::nullopt);
  }
}

TEST(index_ranges, of_many_hosts_in_a_row_take_a_few_bytes) {
  EXPECT_EQ(encoded(index_ranges(0, 99'999)).size(), 5U);
}

TEST(index_ranges, are_refused_above_the_highest_and_with_counts_that_cannot_be) {
  std::string bytes;
  wire_writer into(bytes);
  into.varint(std::uint64_t{1});
  into.varint(highest);
  into.varint(std::uint32_t{0});
  EXPECT_EQ(decoded(bytes), index_ranges(highest));
  bytes.back() = 1;
  EXPECT_EQ(decoded(bytes), std::nullopt);
  EXPECT_EQ(decoded("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), std::nullopt);
}

TEST(index_ranges, give_their_lowest) {
  std::mt19937_64 random(14);
  for (int round = 0; round < 1'000; ++round) {
    const index_ranges whole = random_ranges(random);
    index_ranges rest = whole;
    const std::uint64_t wanted = random() % 40;
    const index_ranges front = rest.take_front(wanted);
    ASSERT_EQ(front.count(), std::min<std::uint64_t>(wanted, whole.count()));
    ASSERT_EQ(front | rest, whole);
    ASSERT_FALSE(front.intersects(rest));
    if (!front.empty() && !rest.empty()) {
      ASSERT_LT(front.ranges().back().last, rest.front());
    }
  }
}

TEST(index_ranges, are_cut_into_pieces_of_a_size) {
  std::mt19937_64 random(15);
  index_ranges whole;
  for (std::uint32_t next = 0; whole.ranges().size() < 3'000;) {
    const auto last = static_cast<std::uint32_t>(next + random() % 3);
    whole.append(next, last);
    next = static_cast<std::uint32_t>(last + 2 + random() % 300);
  }
  for (std::size_t bytes : {16U, 40U, 1'000U, 100'000U}) {
    index_ranges sum;
    for (const index_ranges& piece : whole.pieces(bytes)) {
      ASSERT_FALSE(piece.empty());
      ASSERT_LE(piece.encoded_size(), bytes);
      ASSERT_FALSE(sum.intersects(piece));
      sum |= piece;
    }
    ASSERT_EQ(sum, whole);
  }
  EXPECT_TRUE(index_ranges().pieces(100).empty());
}

}  // namespace
}  // namespace execo::test
