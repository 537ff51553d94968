// timer: the stopwatch and countdown.
#include <gtest/gtest.h>

#include <stdexcept>

#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/timeout.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

TEST(timers, count_from_when_they_were_made) {
  auto before = std::chrono::system_clock::now();
  timer watch;
  EXPECT_GE(watch.started(), before);
  EXPECT_GE(watch.elapsed(), 0s);
  EXPECT_FALSE(watch.remaining());
  EXPECT_FALSE(watch.expired());
  EXPECT_THROW((void)watch.wait_remaining(), std::logic_error);
}

TEST(timers, wait_until_the_limit_is_over) {
  timer countdown(20ms);
  EXPECT_FALSE(timer(1h).expired());
  EXPECT_GT(timer(1h).remaining(), 59min);
  auto work = [&]() -> task<> {
    co_await countdown.wait_elapsed(5ms);
    EXPECT_GE(countdown.elapsed(), 5ms);
    co_await countdown;
    EXPECT_TRUE(countdown.expired());
    EXPECT_LE(countdown.remaining(), 0s);
    // What is past is not waited for.
    co_await countdown.wait_remaining();
    co_await countdown.wait_elapsed(-1h);
  };
  sync_wait(work());
}

TEST(timers, a_stop_ends_the_wait) {
  timer countdown(1h);
  auto work = [&]() -> task<bool> {
    auto in_time = co_await timeout(countdown.wait_remaining(), 1ms);
    co_return in_time.has_value();
  };
  EXPECT_FALSE(sync_wait(work()));
}

TEST(timers, sleep_until_waits_for_a_point_in_time) {
  timer watch;
  auto when = std::chrono::system_clock::now() + 5ms;
  auto work = [&]() -> task<> {
    co_await sleep_until(when);
    co_await sleep_until(time_point());
  };
  sync_wait(work());
  EXPECT_GE(watch.elapsed(), 4ms);
}

}  // namespace
}  // namespace execo::test
