#include "wire/wave_answers.hpp"

#include <gtest/gtest.h>

namespace execo::test {
namespace {

using detail::answers_message;
using detail::index_ranges;
using detail::wave_answers;

answers_message answers_of(const index_ranges& hosts, std::uint32_t number = 1) {
  answers_message made;
  made.hosts = hosts;
  made.number = number;
  return made;
}

/// Of host 5, which has asked children 1, 2 and 4.
wave_answers a_wave() {
  wave_answers made;
  made.begin(1, 5, {1, 2, 4});
  return made;
}

TEST(wave_answers, of_an_agent_without_children_are_its_own) {
  wave_answers wave;
  EXPECT_EQ(wave.number(), 0U);
  EXPECT_FALSE(wave.is_due());
  wave.begin(3, 5, {});
  EXPECT_EQ(wave.number(), 3U);
  EXPECT_TRUE(wave.is_due());
  EXPECT_EQ(wave.take_answers(), index_ranges(5));
  EXPECT_FALSE(wave.is_due());
}

TEST(wave_answers, go_up_together_once_each_child_has_answered) {
  wave_answers wave = a_wave();
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6, 8))));
  EXPECT_TRUE(wave.take(4, answers_of(index_ranges(11))));
  EXPECT_FALSE(wave.is_due());
  EXPECT_TRUE(wave.take(2, answers_of(index_ranges(9))));
  EXPECT_TRUE(wave.is_due());
  EXPECT_EQ(wave.take_answers(), index_ranges(5, 9) | index_ranges(11));
  EXPECT_FALSE(wave.is_due());
}

TEST(wave_answers, that_are_late_go_up_as_they_come) {
  wave_answers wave = a_wave();
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6))));
  wave.stop_waiting();
  EXPECT_TRUE(wave.is_due());
  EXPECT_EQ(wave.take_answers(), index_ranges(5, 6));
  EXPECT_TRUE(wave.take(2, answers_of(index_ranges(9))));
  EXPECT_TRUE(wave.is_due());
  EXPECT_EQ(wave.take_answers(), index_ranges(9));
  // What a child has heard later.
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(7, 8))));
  EXPECT_EQ(wave.take_answers(), index_ranges(7, 8));
}

TEST(wave_answers, do_not_wait_for_a_child_that_is_no_more) {
  wave_answers wave = a_wave();
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6))));
  wave.forget_if([](std::uint32_t child) { return child != 4; });
  EXPECT_FALSE(wave.is_due());
  EXPECT_TRUE(wave.take(4, answers_of(index_ranges(11))));
  EXPECT_EQ(wave.take_answers(), index_ranges(5, 6) | index_ranges(11));
}

TEST(wave_answers, do_not_have_a_host_that_was_lost_since) {
  wave_answers wave = a_wave();
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6, 8))));
  wave.lose(index_ranges(7));
  wave.stop_waiting();
  EXPECT_EQ(wave.take_answers(), index_ranges(5, 6) | index_ranges(8));
}

TEST(wave_answers, are_taken_once_of_a_host) {
  wave_answers wave = a_wave();
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6, 8))));
  EXPECT_FALSE(wave.take(1, answers_of(index_ranges(8))));
  EXPECT_FALSE(wave.take(2, answers_of(index_ranges(4, 6))));
  EXPECT_FALSE(wave.take(2, answers_of(index_ranges(5))));
  wave.stop_waiting();
  (void)wave.take_answers();
  EXPECT_FALSE(wave.take(1, answers_of(index_ranges(6))));
}

TEST(wave_answers, are_taken_of_those_alone_that_were_asked) {
  wave_answers wave = a_wave();
  EXPECT_FALSE(wave.take(3, answers_of(index_ranges(9))));
  EXPECT_FALSE(wave.take(1, answers_of(index_ranges(6), 2)));
  wave_answers none;
  EXPECT_FALSE(none.take(1, answers_of(index_ranges(6))));
}

TEST(wave_answers, of_a_wave_before_are_not_looked_at) {
  wave_answers wave = a_wave();
  wave.begin(2, 5, {1});
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6), 1)));
  EXPECT_TRUE(wave.take(4, answers_of(index_ranges(11), 1)));
  EXPECT_FALSE(wave.is_due());
  EXPECT_TRUE(wave.take(1, answers_of(index_ranges(6), 2)));
  EXPECT_EQ(wave.take_answers(), index_ranges(5, 6));
}

}  // namespace
}  // namespace execo::test
