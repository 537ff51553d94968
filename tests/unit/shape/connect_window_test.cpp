#include "shape/connect_window.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

using std::chrono::milliseconds;

void connect(connect_window& w, int count, milliseconds took) {
  for (int i = 0; i < count; ++i) w.succeeded(w.begin(), took);
}

TEST(connect_window, begins_with_eight) {
  connect_window w;
  for (int i = 0; i < 8; ++i) w.begin();
  EXPECT_EQ(w.room(), 0U);
  EXPECT_EQ(w.in_flight(), 8U);
}

TEST(connect_window, grows_by_one_for_each_connection_as_fast_as_the_best) {
  connect_window w;
  connect(w, 10, milliseconds(100));
  EXPECT_EQ(w.limit(), 18U);
  connect(w, 1000, milliseconds(100));
  EXPECT_EQ(w.limit(), connect_window::max_limit);
}

TEST(connect_window, stays_when_connections_take_half_as_long_again) {
  connect_window w;
  connect(w, 8, milliseconds(100));
  connect(w, 40, milliseconds(150));
  unsigned limit = w.limit();
  connect(w, 40, milliseconds(150));
  EXPECT_EQ(w.limit(), limit);
}

TEST(connect_window, is_halved_when_connections_take_more_than_twice_as_long) {
  connect_window w;
  connect(w, 24, milliseconds(100));
  EXPECT_EQ(w.limit(), 32U);
  int slow = 0;
  for (; w.limit() >= 32; ++slow) connect(w, 1, milliseconds(1000));
  EXPECT_LE(w.limit(), 18U);
  EXPECT_LE(slow, 4);
}

TEST(connect_window, one_slow_host_alone_changes_little) {
  connect_window w;
  connect(w, 24, milliseconds(100));
  connect(w, 1, milliseconds(800));
  EXPECT_EQ(w.limit(), 32U);
}

TEST(connect_window, is_halved_once_for_all_that_were_begun_before) {
  connect_window w(32);
  connect_window::mark begun = 0;
  for (int i = 0; i < 32; ++i) begun = w.begin();
  for (int i = 0; i < 20; ++i) w.turned_away(begun);
  EXPECT_EQ(w.limit(), 16U);
  EXPECT_EQ(w.in_flight(), 12U);
  w.turned_away(w.begin());
  EXPECT_EQ(w.limit(), 8U);
}

TEST(connect_window, what_was_begun_before_a_cut_lets_it_not_grow) {
  connect_window w(32);
  connect_window::mark before = w.begin();
  w.turned_away(w.begin());
  w.succeeded(before, milliseconds(1));
  EXPECT_EQ(w.limit(), 16U);
}

TEST(connect_window, lets_one_in_at_least) {
  connect_window w;
  for (int i = 0; i < 20; ++i) w.overloaded();
  EXPECT_EQ(w.limit(), 1U);
  EXPECT_EQ(w.room(), 1U);
}

TEST(connect_window, a_host_that_is_down_gives_its_place_back_and_says_nothing) {
  connect_window w;
  w.begin();
  w.failed();
  EXPECT_EQ(w.limit(), 8U);
  EXPECT_EQ(w.room(), 8U);
}

TEST(connect_window, gets_used_to_hosts_that_are_slower_for_good) {
  connect_window w;
  connect(w, 100, milliseconds(100));
  connect(w, 2000, milliseconds(400));
  EXPECT_GT(w.limit(), 8U);
}

}  // namespace
}  // namespace execo::detail
