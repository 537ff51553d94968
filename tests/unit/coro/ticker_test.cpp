// ticker: ticks at a fixed interval, on a clock that a test moves.
#include "execo/ticker.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <stdexcept>
#include <vector>

#include "execo/context.hpp"
#include "execo/scope.hpp"
#include "execo/sleep.hpp"
#include "execo/start.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "held_clock.hpp"
#include "long_count.hpp"
#include "unit/coro/driven.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class tickers : public ::testing::Test {
 protected:
  context c;
  running_clock time{c};
};

TEST_F(tickers, tick_at_their_interval_and_do_not_drift) {
  auto work = [&]() -> task<> {
    ticker every(10s);
    for (int i = 1; i <= 1'000; ++i) {
      const std::uint64_t ticks = co_await every.next();
      EXPECT_EQ(ticks, 1U);
      EXPECT_EQ(time.elapsed(), i * 10s);
      co_await sleep(i % 7 * 1s);
    }
  };
  sync_wait(c, work());
}

TEST_F(tickers, count_the_ticks_that_nobody_waited_for) {
  auto work = [&]() -> task<> {
    ticker every(10s);
    co_await sleep(35s);
    std::uint64_t ticks = co_await every.next();
    EXPECT_EQ(ticks, 3U);
    EXPECT_EQ(time.elapsed(), 35s) << "it is late already";
    ticks = co_await every.next();
    EXPECT_EQ(ticks, 1U);
    EXPECT_EQ(time.elapsed(), 40s);
  };
  sync_wait(c, work());
}

TEST_F(tickers, have_a_first_tick_of_their_own_and_may_have_no_other) {
  auto work = [&]() -> task<> {
    ticker soon(1s, 60s);
    std::uint64_t ticks = co_await soon.next();
    EXPECT_EQ(time.elapsed(), 1s);
    ticks += co_await soon.next();
    EXPECT_EQ(time.elapsed(), 61s);
    EXPECT_EQ(ticks, 2U);

    ticker at_once(0s, 5s);
    ticks = co_await at_once.next();
    EXPECT_EQ(time.elapsed(), 61s);

    ticker once(2s, 0s);
    ticks = co_await once.next();
    EXPECT_EQ(ticks, 1U);
    ticks = co_await once.next();
    EXPECT_EQ(ticks, 0U);
    EXPECT_EQ(time.elapsed(), 63s);
  };
  sync_wait(c, work());
}

TEST_F(tickers, that_are_cancelled_end_the_wait_and_tick_no_more) {
  std::vector<std::uint64_t> seen;
  auto wait = [&](ticker& every) -> task<> {
    std::uint64_t ticks = 1;
    while (ticks != 0) {
      ticks = co_await every.next();
      seen.push_back(ticks);
    }
  };
  auto work = [&]() -> task<> {
    ticker every(1h);
    auto cancel = [&]() -> task<> {
      co_await sleep(150min);
      every.cancel();
    };
    co_await when_all(wait(every), cancel());
  };
  sync_wait(c, work());
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1, 1, 0}));
  EXPECT_EQ(time.elapsed(), 150min);
}

TEST_F(tickers, begin_anew_also_while_somebody_waits_and_after_the_end) {
  auto work = [&]() -> task<> {
    ticker every(1h);
    auto hasten = [&]() -> task<> {
      co_await sleep(1s);
      every.reset(5s);
    };
    auto [ticks, none] = co_await when_all(every.next(), hasten());
    EXPECT_EQ(ticks, 1U);
    EXPECT_EQ(time.elapsed(), 6s);
    every.cancel();
    every.reset(1s, 0s);
    const std::uint64_t last = co_await every.next();
    EXPECT_EQ(last, 1U);
    EXPECT_EQ(time.elapsed(), 7s);
  };
  sync_wait(c, work());
}

TEST_F(tickers, lose_no_tick_when_a_wait_is_stopped) {
  auto work = [&]() -> task<> {
    ticker every(10s);
    for (int i = 0; i < 3; ++i) {
      const auto in_time = co_await timeout(every.next(), 3s);
      EXPECT_FALSE(in_time);
    }
    const std::uint64_t ticks = co_await every.next();
    EXPECT_EQ(ticks, 1U);
    EXPECT_EQ(time.elapsed(), 10s);
  };
  sync_wait(c, work());
}

TEST_F(tickers, end_with_what_they_run_beside) {
  int ticks = 0;
  auto forever = [&]() -> task<int> {
    ticker every(1s);
    while (co_await every.next()) ++ticks;
    co_return 1;
  };
  auto work = []() -> task<int> {
    co_await sleep(5500ms);
    co_return 2;
  };
  EXPECT_EQ(sync_wait(c, when_any(work(), forever())).value, 2);
  EXPECT_EQ(ticks, 5);
}

TEST_F(tickers, have_one_who_waits) {
  auto work = [&]() -> task<> {
    ticker every(1s);
    auto another = [&]() -> task<bool> {
      try {
        co_await every.next();
      } catch (const std::logic_error&) {
        co_return true;
      }
      co_return false;
    };
    auto [ticks, refused] = co_await when_all(every.next(), another());
    EXPECT_EQ(ticks, 1U);
    EXPECT_TRUE(refused);
  };
  sync_wait(c, work());
}

TEST_F(tickers, refuse_times_that_make_no_sense) {
  EXPECT_THROW(ticker(0s), std::invalid_argument);
  EXPECT_THROW(ticker(-1s), std::invalid_argument);
  EXPECT_THROW(ticker(-1s, 1s), std::invalid_argument);
  EXPECT_THROW(ticker(1s, -1s), std::invalid_argument);
  ticker good(1s);
  EXPECT_THROW(good.reset(0s), std::invalid_argument);
  EXPECT_NO_THROW(ticker(duration::max(), duration::max()));
}

TEST_F(tickers, start_from_what_is_posted) {
  int ticks = 0;
  std::optional<started> run;
  bool done = false;
  auto count_three = [&]() -> task<> {
    ticker every(1min);
    while (ticks < 3 && co_await every.next()) ++ticks;
  };
  c.post([&] { run.emplace(start(c, count_three(), [&](const outcome<void>&) { done = true; })); });
  sync_wait(c, sleep(1h));
  EXPECT_TRUE(done);
  EXPECT_EQ(ticks, 3);
}

TEST(tickers_of_a_context, are_cancelled_by_what_another_thread_posts) {
  driven other;
  ticker every(1h);
  auto wait = [&]() -> task<std::uint64_t> { co_return co_await every.next(); };
  auto ended = as_future(other.get(), wait());
  other.get().post([&] { every.cancel(); });
  EXPECT_EQ(ended.get(), 0U);
}

// Whatever comes between: as many ticks as intervals have passed.
TEST_F(tickers, count_right_whatever_is_done_between_their_ticks) {
  std::mt19937 random(20'261'129);
  auto work = [&]() -> task<> {
    for (int round = 0; round < long_count(300); ++round) {
      const duration first(random() % 50);
      const duration interval(1 + random() % 20);
      const auto begun = time.elapsed();
      ticker every(first, interval);
      std::uint64_t ticks = 0;
      for (int i = 0; i < 30; ++i) {
        if (random() % 3 == 0) co_await sleep(duration(random() % 90));
        if (const auto some = co_await timeout(every.next(), duration(random() % 25)))
          ticks += *some;
        const auto passed = time.elapsed() - begun;
        const auto due = passed < first ? 0 : 1 + (passed - first) / interval;
        EXPECT_GE(due, std::int64_t(ticks));
      }
      ticks += co_await every.next();
      const auto passed = time.elapsed() - begun;
      EXPECT_EQ(std::int64_t(ticks), 1 + (passed - first) / interval);
    }
  };
  sync_wait(c, work());
}

}  // namespace
}  // namespace execo::test
