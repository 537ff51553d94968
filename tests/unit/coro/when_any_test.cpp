#include "execo/when_any.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "execo/process.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class when_any_of : public on_each_backend {};
EXECO_ON_EACH_BACKEND(when_any_of);

TEST_P(when_any_of, the_first_wins_and_the_others_are_stopped_and_joined) {
  tally t;
  auto first =
      sync_wait(when_any(sleeper(t, forever, 1), sleeper(t, 1ms, 2), sleeper(t, forever, 3)));
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(first.value, 2);
  EXPECT_EQ(t.stopped, 2);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(when_any_of, different_types_give_a_variant) {
  auto text = []() -> task<std::string> { co_return "text"; };
  tally t;
  auto first = sync_wait(when_any(sleeper(t, forever, 1), text(), sleep(forever)));
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(std::get<1>(first.value), "text");
}

TEST_P(when_any_of, void_operations_give_monostate) {
  auto first = sync_wait(when_any(sleep(forever), sleep(1ms)));
  EXPECT_EQ(first.index, 1U);
  EXPECT_EQ(first.value, std::monostate());
}

TEST_P(when_any_of, values_only_have_to_move) {
  auto make = [](int n) -> task<parcel> { co_return parcel(n); };
  auto first = sync_wait(when_any(make(0), make(1)));
  EXPECT_EQ(first.value.value(), static_cast<int>(first.index));
}

TEST_P(when_any_of, one_is_that_one) { EXPECT_EQ(sync_wait(when_any(ready(7))).value, 7); }

TEST_P(when_any_of, operations_after_one_that_is_done_at_once_are_begun_stopped) {
  tally t;
  auto first = sync_wait(when_any(ready(1), sleeper(t, forever, 2)));
  EXPECT_EQ(first.index, 0U);
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(when_any_of, the_first_to_fail_wins_too) {
  tally t;
  EXPECT_THROW(sync_wait(when_any(failing("x", 1ms), sleeper(t, forever, 2))), std::runtime_error);
  EXPECT_EQ(t.stopped, 1);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(when_any_of, what_losers_throw_is_dropped) {
  auto rude = [](tally& t) -> task<int> {
    try {
      co_await sleep(forever);
    } catch (const operation_cancelled&) {
      ++t.stopped;
    }
    throw std::runtime_error("rude");
  };
  tally t;
  EXPECT_EQ(sync_wait(when_any(rude(t), ready(1))).index, 1U);
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(when_any_of, a_loser_that_takes_its_time_is_waited_for) {
  bool cleaned = false;
  auto slow_to_stop = [&]() -> task<int> {
    try {
      co_await sleep(forever);
    } catch (const operation_cancelled&) {
    }
    cleaned = true;
    co_return 0;
  };
  EXPECT_EQ(sync_wait(when_any(slow_to_stop(), ready(1))).index, 1U);
  EXPECT_TRUE(cleaned);
}

TEST_P(when_any_of, a_range) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 100; ++i) all.push_back(sleeper(t, i == 42 ? duration(1ms) : forever, i));
  auto first = sync_wait(when_any(std::move(all)));
  EXPECT_EQ(first.index, 42U);
  EXPECT_EQ(first.value, 42);
  EXPECT_EQ(t.stopped, 99);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(when_any_of, an_empty_range_is_refused_at_the_call) {
  EXPECT_THROW((void)when_any(std::vector<task<int>>()), std::invalid_argument);
}

TEST_P(when_any_of, ranges_and_lists_have_one_shape) {
  std::vector<task<int>> all;
  all.push_back(ready(1));
  all.push_back(ready(2));
  static_assert(std::is_same_v<decltype(sync_wait(when_any(std::move(all)))), any_result<int>>);
  static_assert(std::is_same_v<decltype(sync_wait(when_any(ready(1), ready(2)))), any_result<int>>);
  auto [index, value] = sync_wait(when_any(std::move(all)));
  EXPECT_EQ(index + 1, static_cast<std::size_t>(value));
}

TEST_P(when_any_of, a_loser_that_completed_in_the_same_turn_is_dropped) {
  tally t;
  auto work = [&]() -> task<> {
    const auto due = std::chrono::steady_clock::now() + 3ms;
    auto hold = [&]() -> task<int> {
      while (std::chrono::steady_clock::now() < due) {
      }
      co_await sleep(forever);
      co_return 0;
    };
    auto first = co_await when_any(sleeper(t, 2ms, 1), sleeper(t, 1ms, 2), hold());
    EXPECT_EQ(first.index, 1U) << "the order of the deadlines, not of the operations";
  };
  sync_wait(work());
  EXPECT_EQ(t.finished, 2);
}

TEST_P(when_any_of, losing_processes_are_gone_when_it_resumes) {
  pid_t loser = 0;
  int alive = 0;
  auto work = [&]() -> task<std::size_t> {
    process slow("sleep 300");
    auto after_start = [&]() -> task<result> {
      while (slow.pid() == 0) co_await sleep(1ms);
      loser = slow.pid();
      co_return co_await process("true").run();
    };
    auto first = co_await when_any(slow.run(), after_start());
    alive = ::kill(loser, 0);
    co_return first.index;
  };
  EXPECT_EQ(sync_wait(work()), 1U);
  EXPECT_GT(loser, 0);
  EXPECT_EQ(alive, -1);
}

TEST_P(when_any_of, in_a_long_loop_does_not_grow_the_stack) {
  auto work = []() -> task<std::size_t> {
    std::size_t total = 0;
    for (int i = 0; i < 50'000; ++i) {
      auto first = co_await when_any(ready(1), ready(2));
      total += first.index + 1;
    }
    co_return total;
  };
  // Usually the first wins; with AddressSanitizer a task may take the way over the ready queue.
  const std::size_t total = sync_wait(work());
  EXPECT_GE(total, 50'000U);
  EXPECT_LE(total, 100'000U);
}

}  // namespace
}  // namespace execo::test
