#include "agent/orphan_looks.hpp"

#include <gtest/gtest.h>

namespace execo::agent {
namespace {

TEST(orphan_looks, end_when_nothing_is_left_behind) {
  orphan_looks looks;
  EXPECT_EQ(looks.after(false, false), next_look::none);
}

TEST(orphan_looks, follow_the_ends_of_those_that_were_killed) {
  orphan_looks looks;
  EXPECT_EQ(looks.after(true, false), next_look::at_ends);
  EXPECT_EQ(looks.after(true, true), next_look::at_ends);
  EXPECT_EQ(looks.after(false, false), next_look::none);
}

// It is in execve: the next look can tell whose it is.
TEST(orphan_looks, come_again_soon_while_an_orphan_cannot_be_told) {
  orphan_looks looks;
  EXPECT_EQ(looks.after(false, true), next_look::soon);
  EXPECT_EQ(looks.after(false, true), next_look::soon);
  EXPECT_EQ(looks.after(true, false), next_look::at_ends);
  EXPECT_EQ(looks.after(false, false), next_look::none);
}

// That of another user never can be.
TEST(orphan_looks, do_not_come_again_for_ever) {
  orphan_looks looks;
  for (int round = 0; round < 2; ++round) {
    int again = 0;
    while (looks.after(false, true) == next_look::soon) ASSERT_LT(++again, 1'000);
    EXPECT_GT(again, 10);
  }
}

}  // namespace
}  // namespace execo::agent
