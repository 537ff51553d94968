#include "wire/credit_window.hpp"

#include <gtest/gtest.h>

namespace execo::test {
namespace {

using detail::credit_window;

TEST(credit_window, has_the_room_that_was_not_taken) {
  credit_window window(100);
  EXPECT_EQ(window.room(), 100U);
  window.take(60);
  EXPECT_EQ(window.used(), 60U);
  EXPECT_EQ(window.room(), 40U);
  EXPECT_TRUE(window.give(10));
  EXPECT_EQ(window.room(), 50U);
}

TEST(credit_window, is_closed_when_full_or_overrun) {
  credit_window window(100);
  window.take(99);
  EXPECT_TRUE(window.is_open());
  window.take(50);
  EXPECT_FALSE(window.is_open());
  EXPECT_EQ(window.room(), 0U);
  EXPECT_TRUE(window.give(50));
  EXPECT_TRUE(window.is_open());
}

TEST(credit_window, takes_no_credit_for_more_than_was_sent) {
  credit_window window(100);
  window.take(10);
  EXPECT_FALSE(window.give(11));
  EXPECT_EQ(window.used(), 10U);
  EXPECT_TRUE(window.give(10));
  EXPECT_FALSE(window.give(1));
}

TEST(credit_window, without_a_limit_given_is_closed) {
  EXPECT_FALSE(credit_window().is_open());
  EXPECT_EQ(credit_window().room(), 0U);
}

}  // namespace
}  // namespace execo::test
