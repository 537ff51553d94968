// What a loop counts as time in which it could not look at its events.
#include <poll.h>

#include <chrono>
#include <optional>

#include "execo/detail/deadline_timer.hpp"
#include "support/held_clock.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::clock;
using detail::deadline_timer;
using detail::delegate;

class loop_time : public on_each_backend {
 protected:
  loop_time() { clock_.pass(0s); }

  void on_expired() noexcept { ++expired_; }

  loop_harness h_;
  held_clock clock_{h_.loop};
  int expired_ = 0;
  deadline_timer deadline_{delegate<>::to<&loop_time::on_expired>(this), "deadline of a test"};
};
EXECO_ON_EACH_BACKEND(loop_time);

TEST_P(loop_time, is_lost_from_a_deadline_to_the_turn_that_sees_it) {
  h_.loop.arm(deadline_, clock_.now() + 1s);
  clock_.pass(3s);
  EXPECT_EQ(expired_, 1);
  EXPECT_EQ(h_.loop.held_up(), 2s);
}

TEST_P(loop_time, is_not_lost_to_a_timer_that_was_armed_for_the_past) {
  h_.loop.arm(deadline_, clock_.now() - 10s);
  clock_.pass(0s);
  EXPECT_EQ(expired_, 1);
  EXPECT_EQ(h_.loop.held_up(), 0s);
}

TEST_P(loop_time, is_lost_since_the_turn_before_at_most) {
  h_.loop.arm(deadline_, clock::time_point::min());
  clock_.pass(3s);
  EXPECT_EQ(expired_, 1);
  EXPECT_EQ(h_.loop.held_up(), 3s) << "all the time since the turn before";
}

TEST_P(loop_time, is_not_lost_to_a_timer_that_is_disarmed_in_time) {
  h_.loop.arm(deadline_, clock_.now() + 1s);
  h_.loop.disarm(deadline_);
  clock_.pass(3s);
  EXPECT_EQ(expired_, 0);
  EXPECT_EQ(h_.loop.held_up(), 0s);
}

TEST_P(loop_time, is_for_an_event_the_time_after_the_wait_for_it) {
  pipe_pair p(h_.loop);
  recorded readable;
  std::optional<clock::time_point> seen;
  readable.then = [&](int) { seen = h_.loop.now(); };
  readable.request.prepare_poll(p.in.get(), POLLIN);
  h_.loop.start(readable.request);
  h_.run_until_quiet();
  ASSERT_EQ(::write(p.out.get(), "x", 1), 1);
  clock_.pass(5s);
  ASSERT_TRUE(seen);
  EXPECT_EQ(*seen, clock_.now());
}

TEST_P(loop_time, is_steady_within_a_turn_and_never_goes_back) {
  loop_harness running;
  clock::time_point last = running.loop.now();
  for (int i = 0; i < 200; ++i) {
    running.loop.turn(0);
    const clock::time_point now = running.loop.now();
    EXPECT_GE(now, last);
    EXPECT_EQ(running.loop.now(), now);
    last = now;
  }
  EXPECT_GE(running.loop.read_clock(), last);
}

TEST_P(loop_time, is_not_lost_to_turns_that_nothing_waited_in) {
  loop_harness running;
  for (int i = 0; i < 200; ++i) running.loop.turn(0);
  running.loop.arm_after(deadline_, 0s);
  running.loop.turn(0);
  EXPECT_EQ(expired_, 1);
  EXPECT_LT(running.loop.held_up(), hang);
}

}  // namespace
}  // namespace execo::test
