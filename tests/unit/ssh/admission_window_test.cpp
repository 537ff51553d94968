#include "ssh/admission_window.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

void enter(admission_window& w, int count) {
  for (int i = 0; i < count; ++i) w.enter();
}

TEST(admission_window, has_room_for_all_until_one_is_turned_away) {
  admission_window w;
  enter(w, 64);
  EXPECT_TRUE(w.has_room());
  EXPECT_FALSE(w.is_cut());
  w.turned_away(0);
  EXPECT_TRUE(w.is_cut());
  EXPECT_EQ(w.limit(), 32);
  EXPECT_FALSE(w.has_room());
}

TEST(admission_window, is_cut_once_for_all_that_were_begun_before) {
  admission_window w;
  enter(w, 64);
  for (int i = 0; i < 40; ++i) {
    w.turned_away(0);
    w.leave();
  }
  EXPECT_EQ(w.limit(), 32);
  EXPECT_EQ(w.in_flight(), 24U);
  EXPECT_TRUE(w.has_room());
  w.enter();
  w.turned_away(w.cuts());
  EXPECT_EQ(w.limit(), 12);  // of the 25 that there were
}

TEST(admission_window, lets_one_in_at_least) {
  admission_window w;
  for (int i = 0; i < 10; ++i) {
    w.enter();
    w.turned_away(w.cuts());
    w.leave();
  }
  EXPECT_EQ(w.limit(), 1);
  EXPECT_TRUE(w.has_room());
  w.enter();
  EXPECT_FALSE(w.has_room());
}

TEST(admission_window, grows_by_one_with_as_many_successes_as_it_is_wide) {
  admission_window w;
  enter(w, 20);
  w.turned_away(0);
  ASSERT_EQ(w.limit(), 10);
  for (int i = 0; i < 10; ++i) w.succeeded();
  EXPECT_GT(w.limit(), 10.9);
  EXPECT_LT(w.limit(), 11);
  w.succeeded();
  EXPECT_GE(w.limit(), 11);
}

TEST(admission_window, stays_without_a_limit_while_all_succeed) {
  admission_window w;
  enter(w, 1000);
  for (int i = 0; i < 1000; ++i) w.succeeded();
  EXPECT_FALSE(w.is_cut());
  EXPECT_TRUE(w.has_room());
}

}  // namespace
}  // namespace execo::detail
