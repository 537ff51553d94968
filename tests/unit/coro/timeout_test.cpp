#include "execo/timeout.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stop_token>
#include <thread>

#include "execo/process.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

// Some time that is no sleep.
void spin(int times) {
  std::atomic<int> turns{0};
  while (turns.fetch_add(1, std::memory_order_relaxed) < times) {
  }
}

class deadline : public on_each_backend {};
EXECO_ON_EACH_BACKEND(deadline);

TEST_P(deadline, in_time_gives_the_value) {
  tally t;
  auto v = sync_wait(timeout(sleeper(t, 1ms, 5), 1h));
  ASSERT_TRUE(v);
  EXPECT_EQ(*v, 5);
  EXPECT_TRUE(sync_wait(timeout(nothing(), 1h)));
}

TEST_P(deadline, that_strikes_gives_nothing_after_the_operation_has_ended) {
  tally t;
  EXPECT_FALSE(sync_wait(timeout(sleeper(t, forever, 5), 5ms)));
  EXPECT_EQ(t.stopped, 1);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(deadline, of_no_time_at_all_strikes) {
  tally t;
  EXPECT_FALSE(sync_wait(timeout(sleeper(t, forever, 5), 0s)));
  EXPECT_FALSE(sync_wait(timeout(sleeper(t, forever, 5), -1s)));
  EXPECT_EQ(t.alive, 0);
}

TEST_P(deadline, as_far_away_as_time_reaches_never_strikes) {
  tally t;
  auto v = sync_wait(timeout(sleeper(t, 1ms, 5), duration::max()));
  EXPECT_TRUE(v);
  auto first = sync_wait(when_any(sleep(duration::max()), sleep(1ms)));
  EXPECT_EQ(first.index, 1U);
}

TEST_P(deadline, passes_the_exception_of_an_operation_that_failed_in_time) {
  EXPECT_THROW(sync_wait(timeout(failing("x", 1ms), 1h)), std::runtime_error);
}

TEST_P(deadline, ends_a_process_and_joins_it) {
  int alive = 0;
  auto work = [&]() -> task<bool> {
    process p("sleep 300");
    auto r = co_await timeout(p.run(), 20ms);
    if (p.pid() != 0) alive = ::kill(p.pid(), 0);
    co_return r.has_value();
  };
  EXPECT_FALSE(sync_wait(work()));
  EXPECT_EQ(alive, -1);
}

TEST_P(deadline, deadlines_nest_and_the_nearest_strikes) {
  tally t;
  auto outer = sync_wait(timeout(timeout(sleeper(t, forever, 1), 1h), 5ms));
  EXPECT_FALSE(outer);
  auto inner = sync_wait(timeout(timeout(sleeper(t, forever, 1), 5ms), 1h));
  ASSERT_TRUE(inner);
  EXPECT_FALSE(*inner);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(deadline, of_the_parent_stops_a_whole_tree) {
  tally t;
  auto tree = [&]() -> task<> {
    co_await when_all(sleeper(t, forever, 1),
                      when_any(sleeper(t, forever, 2), sleeper(t, forever, 3)),
                      timeout(sleeper(t, forever, 4), 1h));
  };
  EXPECT_FALSE(sync_wait(timeout(tree(), 5ms)));
  EXPECT_EQ(t.begun, 4);
  EXPECT_EQ(t.stopped, 4);
  EXPECT_EQ(t.alive, 0);
}

class stop_token_of : public on_each_backend {};
EXECO_ON_EACH_BACKEND(stop_token_of);

TEST_P(stop_token_of, no_source_changes_nothing) {
  tally t;
  EXPECT_EQ(sync_wait(with_stop(sleeper(t, 1ms, 3), std::stop_token())), 3);
}

TEST_P(stop_token_of, a_request_before_the_start_ends_the_operation) {
  tally t;
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(sync_wait(with_stop(sleeper(t, forever, 3), source.get_token())),
               operation_cancelled);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(stop_token_of, a_request_during_the_operation_ends_it) {
  tally t;
  std::stop_source source;
  auto requester = [&]() -> task<> {
    co_await sleep(2ms);
    source.request_stop();
  };
  auto both = [&]() -> task<> {
    co_await when_all(with_stop(sleeper(t, forever, 3), source.get_token()), requester());
  };
  EXPECT_THROW(sync_wait(both()), operation_cancelled);
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(stop_token_of, a_request_after_the_end_is_nothing) {
  std::stop_source source;
  EXPECT_EQ(sync_wait(with_stop(ready(3), source.get_token())), 3);
  source.request_stop();
}

TEST_P(stop_token_of, a_stop_of_the_parent_reaches_the_operation_too) {
  tally t;
  std::stop_source source;
  EXPECT_FALSE(sync_wait(timeout(with_stop(sleeper(t, forever, 3), source.get_token()), 5ms)));
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(stop_token_of, a_request_ends_a_process_that_was_run_but_not_one_that_is_watched) {
  std::stop_source source;
  auto work = [&]() -> task<> {
    process watched("sleep 300");
    watched.start();
    process run("sleep 300");
    auto requester = [&]() -> task<> {
      while (run.pid() == 0 || watched.pid() == 0) co_await sleep(1ms);
      source.request_stop();
    };
    auto [r, none] = co_await when_all(with_stop(run.run(), source.get_token()), requester());
    EXPECT_EQ(r.how(), end_reason::cancelled);
    EXPECT_TRUE(r.killed());
    bool abandoned = false;
    try {
      co_await with_stop(watched.wait(), source.get_token());
    } catch (const operation_cancelled&) {
      abandoned = true;
    }
    EXPECT_TRUE(abandoned);
    EXPECT_TRUE(watched.running());
    watched.kill();
    auto end = co_await watched.wait();
    EXPECT_EQ(end.how(), end_reason::signaled);
  };
  sync_wait(work());
}

// The request comes from another thread, at no chosen moment: each round either ends well or is
// cancelled, and never hangs.
TEST_P(stop_token_of, requests_race_with_completion) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  int cancelled = 0;
  int completed = 0;
  context c;
  for (int round = 0; round < 1'500; ++round) {
    std::stop_source source;
    const int spins = static_cast<int>(random() % 3'000);
    const auto length = std::chrono::microseconds(random() % 150);
    std::thread requester([&] {
      spin(spins);
      source.request_stop();
    });
    tally t;
    try {
      sync_wait(c, with_stop(sleeper(t, length, 1), source.get_token()));
      ++completed;
    } catch (const operation_cancelled&) {
      ++cancelled;
    }
    EXPECT_EQ(t.alive, 0);
    requester.join();
  }
  EXPECT_EQ(cancelled + completed, 1'500) << "seed " << seed;
}

// The operation's work loop is not its awaiter's: the stop travels, and so does its answer.
TEST_P(stop_token_of, requests_race_with_the_end_of_work_on_another_loop) {
  context other;
  std::thread drives([&] { other.run(); });
  context here;
  std::mt19937_64 random(std::random_device{}());
  for (int round = 0; round < 100; ++round) {
    std::stop_source source;
    const int spins = static_cast<int>(random() % 2'000'000);
    std::thread requester([&] {
      spin(spins);
      source.request_stop();
    });
    process p("true");
    p.on(other);
    auto r = sync_wait(here, with_stop(p.run(), source.get_token()));
    EXPECT_TRUE(r.ok() || r.how() == end_reason::cancelled) << r.describe();
    requester.join();
  }
  other.stop();
  drives.join();
}

}  // namespace
}  // namespace execo::test
