#include "wire/host_spans.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace execo::detail {
namespace {

work_item item_of(std::uint32_t index) {
  work_item made;
  made.index = index;
  made.name = "n" + std::to_string(index);
  return made;
}

TEST(HostSpans, ASetBecomesSpansAndTheSameSetAgain) {
  index_ranges set(3, 7);
  set.insert(9);
  const host_spans spans = spans_of(set);
  ASSERT_EQ(spans.size(), 2u);
  EXPECT_EQ(spans[0].first, 3u);
  EXPECT_EQ(spans[0].count, 5u);
  EXPECT_EQ(spans[1].under, anybody);
  EXPECT_EQ(set_of(spans), set);
}

TEST(HostSpans, NeighboursWithTheSameMarksAreOneSpan) {
  std::vector<work_item> items{item_of(1), item_of(2), item_of(3), item_of(4)};
  items[2].doubtful = true;
  items[3].doubtful = true;
  items[3].under = 7;
  const host_spans spans = spans_of(items);
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0].count, 2u);
  EXPECT_EQ(spans[1].claim, host_claim::doubtful);
  EXPECT_EQ(spans[2].under, 7u);
}

TEST(HostSpans, ItemsComeInOrderWithTheMarksOfTheirSpans) {
  host_spans spans{span_of(8), span_of(2)};
  spans[0].claim = host_claim::doubtful;
  spans[1].count = 2;
  spans[1].under = 8;
  const std::vector<work_item> items = items_of(spans, item_of);
  ASSERT_EQ(items.size(), 3u);
  EXPECT_EQ(items[0].index, 2u);
  EXPECT_EQ(items[1].name, "n3");
  EXPECT_EQ(items[1].under, 8u);
  EXPECT_FALSE(items[1].doubtful);
  EXPECT_TRUE(items[2].doubtful);
}

TEST(HostSpans, WhatAnItemSaysComesThroughASpanAndBack) {
  work_item item = item_of(5);
  item.doubtful = item.leads = true;
  item.under = 3;
  work_item other = item_of(5);
  mark(other, span_of(item));
  EXPECT_EQ(other, item);
}

}  // namespace
}  // namespace execo::detail
