// What waits for time alone, on a clock that goes to the next deadline by itself: exact, and over
// at once.
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "execo/as_completed.hpp"
#include "execo/retry.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "held_clock.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class on_held_time : public ::testing::Test {
 protected:
  context c;
  running_clock time{c};
};

TEST_F(on_held_time, a_day_is_over_at_once_and_is_a_day) {
  sync_wait(c, sleep(24h));
  EXPECT_EQ(time.elapsed(), 24h);
}

task<std::string> named(std::string name, duration delay) {
  co_await sleep(delay);
  co_return name;
}

TEST_F(on_held_time, all_take_as_long_as_the_longest_and_any_as_the_shortest) {
  sync_wait(c, when_all(sleep(3s), sleep(7s), sleep(5s)));
  EXPECT_EQ(time.elapsed(), 7s);
  auto first = sync_wait(c, when_any(named("slow", 9s), named("quick", 2s)));
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(time.elapsed(), 9s);
}

TEST_F(on_held_time, results_come_in_the_order_of_their_ends_to_the_nanosecond) {
  std::vector<task<std::string>> all;
  all.push_back(named("c", 30s + 1ns));
  all.push_back(named("a", 29s));
  all.push_back(named("b", 30s));
  auto in_order = [](completions<std::string>& ends) -> task<std::string> {
    std::string order;
    while (auto end = co_await ends.next()) order += end->outcome.value();
    co_return order;
  };
  EXPECT_EQ(sync_wait(c, as_completed(std::move(all), in_order)), "abc");
  EXPECT_EQ(time.elapsed(), 30s + 1ns);
}

TEST_F(on_held_time, a_limit_strikes_when_it_is_reached_and_not_before) {
  EXPECT_TRUE(sync_wait(c, timeout(sleep(5s), 5s + 1ns)));
  EXPECT_EQ(time.elapsed(), 5s);
  EXPECT_FALSE(sync_wait(c, timeout(sleep(5s + 1ns), 5s)));
  EXPECT_EQ(time.elapsed(), 10s);
}

TEST_F(on_held_time, retries_wait_twice_as_long_each_time_and_no_longer_than_the_longest) {
  std::vector<duration> begun;
  auto attempt = [&]() -> task<> {
    begun.push_back(time.elapsed());
    throw std::runtime_error("not yet");
    co_return;
  };
  auto policy = retry_policy().attempts(6).backoff(1s, 2, 5s).jitter(jitter::none);
  EXPECT_THROW(sync_wait(c, retry(policy, attempt)), std::runtime_error);
  EXPECT_EQ(begun, (std::vector<duration>{0s, 1s, 3s, 7s, 12s, 17s}));
}

TEST_F(on_held_time, no_retry_begins_that_would_be_beyond_the_total_time) {
  int attempts = 0;
  auto attempt = [&]() -> task<> {
    ++attempts;
    co_await sleep(1s);
    throw std::runtime_error("not yet");
  };
  // They end after 1, 12 and 23 s; the next would begin after 33 s.
  auto policy = retry_policy().attempts(100).backoff(10s, 1).jitter(jitter::none).budget(32s);
  EXPECT_THROW(sync_wait(c, retry(policy, attempt)), std::runtime_error);
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(time.elapsed(), 23s);
}

}  // namespace
}  // namespace execo::test
