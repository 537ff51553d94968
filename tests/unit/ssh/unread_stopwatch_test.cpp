// How long a connection was not read, beside what carries it.
#include "ssh/unread_stopwatch.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

using namespace std::chrono_literals;

constexpr clock::time_point begun{1'000'000s};

TEST(unread_stopwatch, counts_while_the_connection_is_held) {
  unread_stopwatch watch;
  EXPECT_EQ(watch.total(begun, 0s), 0s);
  watch.set(true, begun + 1s, 0s);
  EXPECT_EQ(watch.total(begun + 3s, 0s), 2s);
  watch.set(true, begun + 3s, 0s);
  watch.set(false, begun + 4s, 0s);
  watch.set(false, begun + 5s, 0s);
  EXPECT_EQ(watch.total(begun + 9s, 0s), 3s);
  watch.set(true, begun + 10s, 0s);
  EXPECT_EQ(watch.total(begun + 11s, 0s), 4s);
}

TEST(unread_stopwatch, counts_time_once_in_which_what_carries_it_is_not_read_either) {
  unread_stopwatch watch;
  watch.set(true, begun + 1s, 0s);
  // What is below is held from the second to the fourth second, and from the sixth to the seventh.
  EXPECT_EQ(watch.total(begun + 3s, 1s), 2s);
  watch.set(false, begun + 5s, 2s);
  EXPECT_EQ(watch.total(begun + 5s, 2s), 4s);
  EXPECT_EQ(watch.total(begun + 8s, 3s), 5s);
}

}  // namespace
}  // namespace execo::detail
