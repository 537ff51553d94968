#include "execo/timeout.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <stop_token>
#include <thread>

#include "execo/channel.hpp"
#include "execo/process.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "long_count.hpp"
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

TEST_P(deadline, of_more_nanoseconds_than_there_are_is_the_longest_there_is) {
  tally t;
  EXPECT_TRUE(sync_wait(timeout(sleeper(t, 1ms, 5), std::chrono::hours::max())));
  EXPECT_FALSE(sync_wait(timeout(sleeper(t, forever, 5), std::chrono::hours::min())));
  EXPECT_FALSE(sync_wait(timeout(sleeper(t, forever, 5), duration::min())));
  EXPECT_FALSE(sync_wait(timeout(sleeper(t, forever, 5), std::chrono::duration<double>(0.001))));
  EXPECT_EQ(t.alive, 0);
}

TEST_P(deadline, of_no_time_lets_pass_what_does_not_have_to_wait) {
  EXPECT_EQ(sync_wait(timeout(ready(3), 0s)), 3);
  EXPECT_EQ(sync_wait(timeout(ready(3), -1s)), 3);
}

/// Keeps the loop's thread until a moment: whatever is due by then is due in the same turn.
void hold_the_loop(std::chrono::steady_clock::time_point until) {
  while (std::chrono::steady_clock::now() < until) {
  }
}

TEST_P(deadline, in_the_same_turn_as_the_end_drops_nothing) {
  tally t;
  auto work = [&]() -> task<> {
    const auto due = std::chrono::steady_clock::now() + 3ms;
    auto hold = [&]() -> task<> {
      hold_the_loop(due);
      co_return;
    };
    // The deadline is the earlier one of the two timers; both are due when the loop looks.
    auto [v, none] = co_await when_all(timeout(sleeper(t, 2ms, 5), 1ms), hold());
    EXPECT_EQ(v, 5);
  };
  sync_wait(work());
  EXPECT_EQ(t.finished, 1);
}

TEST_P(deadline, in_the_same_turn_as_an_element_comes_gives_the_element) {
  channel<int> c(0);
  auto work = [&]() -> task<> {
    const auto due = std::chrono::steady_clock::now() + 2ms;
    auto hold = [&]() -> task<> {
      hold_the_loop(due);
      EXPECT_TRUE(c.try_send(7));
      co_return;
    };
    auto [direct, none] = co_await when_all(timeout(c.receive(), 1ms), hold());
    EXPECT_EQ(direct, 7);
  };
  sync_wait(work());
}

TEST_P(deadline, in_the_same_turn_as_the_end_of_a_combinator_drops_nothing_either) {
  channel<int> c(0);
  auto work = [&]() -> task<> {
    const auto due = std::chrono::steady_clock::now() + 2ms;
    auto hold = [&]() -> task<> {
      hold_the_loop(due);
      EXPECT_TRUE(c.try_send(7));
      co_return;
    };
    auto either = when_any(c.receive(), sleep(forever));
    auto [v, none] = co_await when_all(timeout(std::move(either), 1ms), hold());
    EXPECT_TRUE(v && v->index == 0 && std::get<0>(v->value) == 7);
    auto inner = timeout(c.receive(), 1h);
    const auto again = std::chrono::steady_clock::now() + 2ms;
    auto hold_again = [&]() -> task<> {
      hold_the_loop(again);
      EXPECT_TRUE(c.try_send(8));
      co_return;
    };
    auto [w, nothing_else] = co_await when_all(timeout(std::move(inner), 1ms), hold_again());
    EXPECT_TRUE(w && *w && **w == 8);
  };
  sync_wait(work());
}

TEST_P(deadline, in_the_same_turn_as_a_failure_passes_the_failure) {
  auto work = []() -> task<> {
    // Counted from when both times run.
    auto hold = []() -> task<> {
      hold_the_loop(std::chrono::steady_clock::now() + 3ms);
      co_return;
    };
    co_await when_all(timeout(failing("boom", 2ms), 1ms), hold());
  };
  EXPECT_THROW(sync_wait(work()), std::runtime_error);
}

TEST_P(deadline, is_counted_from_its_start_however_long_the_turn_has_been) {
  tally t;
  auto work = [&]() -> task<> {
    hold_the_loop(std::chrono::steady_clock::now() + 20ms);
    const auto before = std::chrono::steady_clock::now();
    auto late = co_await timeout(sleeper(t, forever, 1), 10ms);
    EXPECT_FALSE(late);
    EXPECT_GE(std::chrono::steady_clock::now() - before, 10ms);
  };
  sync_wait(work());
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

TEST_P(stop_token_of, a_request_in_the_same_turn_as_the_end_drops_nothing) {
  tally t;
  std::stop_source source;
  auto work = [&]() -> task<> {
    const auto due = std::chrono::steady_clock::now() + 2ms;
    auto hold = [&]() -> task<> {
      hold_the_loop(due);
      // Both sleeps end in this turn; the request comes when the first one is on its way.
      co_await sleep(0s);
      source.request_stop();
    };
    auto [v, none] = co_await when_all(with_stop(sleeper(t, 1ms, 5), source.get_token()), hold());
    EXPECT_EQ(v, 5);
  };
  sync_wait(work());
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

// The operation's work loop is not its awaiter's: the stop in_flight, and so does its answer.
TEST_P(stop_token_of, requests_race_with_the_end_of_work_on_another_loop) {
  context other;
  std::thread drives([&] { other.run(); });
  context here;
  std::mt19937_64 random(std::random_device{}());
  for (int round = 0; round < long_count(300); ++round) {
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
