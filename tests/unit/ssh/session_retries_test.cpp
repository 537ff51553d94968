// When a connection that was lost is made again, on a clock that the test moves.
#include "ssh/session_retries.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "held_clock.hpp"

namespace execo::detail {
namespace {

using namespace std::chrono_literals;

class tries_of_a_session : public ::testing::Test {
 protected:
  session_retries& make(std::optional<unsigned> max = std::nullopt) {
    made = std::make_unique<session_retries>(on, max, on.now(),
                                             delegate<>::to<&tries_of_a_session::due>(this));
    return *made;
  }
  ~tries_of_a_session() override { made.reset(); }
  void due() { ++calls; }
  static failed_try lost(failure_reason why, phase where = phase::kex) {
    failed_try one;
    one.why.context = "n1: lost";
    one.why.reason = why;
    one.where = where;
    return one;
  }

  loop on;
  loop::driver driver{on};
  test::held_clock time{on};
  std::unique_ptr<session_retries> made;
  int calls = 0;
};

TEST_F(tries_of_a_session, pause_twice_as_long_each_time_and_two_seconds_at_most) {
  session_retries& tries = make();
  for (auto longest : {100ms, 200ms, 400ms, 800ms, 1600ms, 2000ms, 2000ms, 2000ms}) {
    int before = calls;
    ASSERT_TRUE(tries.go_on_after(lost(failure_reason::closed)));
    EXPECT_FALSE(tries.is_due());
    time.pass(longest / 2 - 1ms);
    EXPECT_EQ(calls, before) << longest.count();
    time.pass(longest / 2 + 1ms);
    EXPECT_EQ(calls, before + 1) << longest.count();
    EXPECT_TRUE(tries.is_due());
    tries.begin();
    EXPECT_FALSE(tries.is_due());
  }
}

TEST_F(tries_of_a_session, follow_each_other_for_two_minutes_where_there_is_no_deadline) {
  session_retries& tries = make();
  int count = 0;
  while (tries.go_on_after(lost(failure_reason::max_startups))) {
    time.pass(2s);
    tries.begin();
    ASSERT_LT(++count, 100);
  }
  EXPECT_GE(time.elapsed(), 118s);
  EXPECT_LE(time.elapsed(), 122s);
}

TEST_F(tries_of_a_session, are_no_more_than_were_asked_for) {
  session_retries& tries = make(2);
  EXPECT_TRUE(tries.go_on_after(lost(failure_reason::closed)));
  EXPECT_TRUE(tries.go_on_after(lost(failure_reason::closed)));
  EXPECT_FALSE(tries.go_on_after(lost(failure_reason::max_startups, phase::connect)));
  EXPECT_EQ(tries.last().why.context, "n1: lost; tried 3 times");
  EXPECT_EQ(tries.last().why.reason, failure_reason::max_startups);
  EXPECT_EQ(tries.last().where, phase::connect);
}

TEST_F(tries_of_a_session, are_for_a_host_that_is_up_unless_they_are_asked_for) {
  for (auto why : {failure_reason::refused, failure_reason::unreachable, failure_reason::dropped,
                   failure_reason::unknown_host, failure_reason::no_banner}) {
    EXPECT_FALSE(make().go_on_after(lost(why))) << to_string(why);
    EXPECT_EQ(made->last().why.context, "n1: lost");
    EXPECT_TRUE(make(1).go_on_after(lost(why))) << to_string(why);
  }
}

TEST_F(tries_of_a_session, follow_what_the_server_has_decided_only_if_they_are_asked_for) {
  failed_try refused = lost(failure_reason::closed);
  refused.why.is_final = true;
  EXPECT_FALSE(make().go_on_after(refused));
  EXPECT_TRUE(make(1).go_on_after(refused));
  failed_try key = lost(failure_reason::host_key_changed);
  key.why.how = end_reason::host_key_rejected;
  EXPECT_FALSE(make(5).go_on_after(key));
}

TEST_F(tries_of_a_session, explain_a_deadline_until_the_present_one_has_had_its_time) {
  session_retries& tries = make();
  time.pass(500ms);
  ASSERT_TRUE(tries.go_on_after(lost(failure_reason::closed)));
  EXPECT_TRUE(tries.explains_deadline());
  time.pass(500ms);
  EXPECT_TRUE(tries.explains_deadline());
  tries.begin();
  time.pass(1s - 1ns);
  EXPECT_TRUE(tries.explains_deadline());
  time.pass(1ns);
  EXPECT_FALSE(tries.explains_deadline());
}

}  // namespace
}  // namespace execo::detail
