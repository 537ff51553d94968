#include "execo/when_all.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "execo/process.hpp"
#include "execo/resume_on.hpp"
#include "execo/when_any.hpp"
#include "unit/coro/driven.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class when_all_of : public on_each_backend {};
EXECO_ON_EACH_BACKEND(when_all_of);

TEST_P(when_all_of, several_types_gives_a_tuple_in_order) {
  tally t;
  auto text = []() -> task<std::string> {
    co_await sleep(2ms);
    co_return "text";
  };
  auto [a, b, c, d] = sync_wait(when_all(sleeper(t, 5ms, 1), text(), nothing(), ready(4)));
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, "text");
  EXPECT_EQ(c, std::monostate());
  EXPECT_EQ(d, 4);
}

TEST_P(when_all_of, nothing_is_done_at_once) {
  sync_wait(when_all());
  EXPECT_TRUE(sync_wait(when_all(std::vector<task<int>>())).empty());
}

TEST_P(when_all_of, a_range_gives_values_in_the_order_of_the_range) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 50; ++i) all.push_back(sleeper(t, std::chrono::milliseconds(50 - i), i));
  auto values = sync_wait(when_all(std::move(all)));
  ASSERT_EQ(values.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
}

TEST_P(when_all_of, a_range_of_void_and_of_move_only_values) {
  std::vector<task<>> none;
  none.push_back(nothing());
  none.push_back(nothing());
  EXPECT_EQ(sync_wait(when_all(std::move(none))).size(), 2U);
  auto make = [](int n) -> task<parcel> { co_return parcel(n); };
  std::vector<task<parcel>> parcels;
  for (int i = 0; i < 3; ++i) parcels.push_back(make(i));
  auto got = sync_wait(when_all(std::move(parcels)));
  EXPECT_EQ(got[2].value(), 2);
}

TEST_P(when_all_of, runs_its_operations_at_once_and_starts_them_in_order) {
  std::vector<int> order;
  auto note = [&](int n) -> task<> {
    order.push_back(n);
    co_await sleep(1ms);
    order.push_back(10 + n);
  };
  sync_wait(when_all(note(1), note(2), note(3)));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 11, 12, 13}));
}

TEST_P(when_all_of, a_failure_stops_the_others_joins_them_and_comes_out) {
  tally t;
  try {
    sync_wait(when_all(sleeper(t, forever, 1), failing("boom", 1ms), sleeper(t, forever, 2)));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "boom");
  }
  EXPECT_EQ(t.stopped, 2);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(when_all_of, a_failure_at_once_still_joins_what_comes_after_it) {
  tally t;
  EXPECT_THROW(sync_wait(when_all(failing("boom", 0s), sleeper(t, forever, 2))),
               std::runtime_error);
  EXPECT_EQ(t.begun, 1);
  EXPECT_EQ(t.stopped, 1);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(when_all_of, the_first_of_several_failures_comes_out) {
  try {
    sync_wait(when_all(failing("late", 20ms), failing("early", 1ms)));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "early");
  }
  std::vector<task<int>> range;
  range.push_back(failing("late", 20ms));
  range.push_back(failing("early", 1ms));
  try {
    sync_wait(when_all(std::move(range)));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "early");
  }
}

TEST_P(when_all_of, a_failure_stops_processes_and_they_are_gone) {
  context c;
  process a("sleep 300");
  process b("sleep 300");
  auto fail_when_both_run = [&]() -> task<> {
    while (a.pid() == 0 || b.pid() == 0) co_await sleep(1ms);
    throw std::runtime_error("boom");
  };
  pid_t pids[2] = {0, 0};
  auto work = [&]() -> task<> {
    try {
      co_await when_all(a.run(), b.run(), fail_when_both_run());
    } catch (const std::runtime_error&) {
      // Joined already here: nothing is left to signal.
      pids[0] = ::kill(a.pid(), 0);
      pids[1] = ::kill(b.pid(), 0);
    }
  };
  sync_wait(c, work());
  EXPECT_EQ(pids[0], -1);
  EXPECT_EQ(pids[1], -1);
  EXPECT_EQ(a.try_result()->how(), end_reason::cancelled);
}

TEST_P(when_all_of, tens_of_thousands_of_operations_work) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 20'000; ++i) all.push_back(sleeper(t, 1ms, i));
  auto values = sync_wait(when_all(std::move(all)));
  EXPECT_EQ(values.back(), 19'999);
}

TEST_P(when_all_of, in_a_long_loop_does_not_grow_the_stack) {
  auto work = []() -> task<long> {
    long total = 0;
    for (int i = 0; i < 50'000; ++i) {
      auto [a, b] = co_await when_all(ready(1), ready(2));
      total += a + b;
    }
    co_return total;
  };
  EXPECT_EQ(sync_wait(work()), 150'000);
}

TEST_P(when_all_of, combinators_nest) {
  tally t;
  auto work = [&]() -> task<int> {
    auto [a, b] = co_await when_all(
        when_any(sleeper(t, 1ms, 1), sleeper(t, forever, 2)),
        when_all(sleeper(t, 2ms, 3), when_any(sleeper(t, forever, 4), sleeper(t, 1ms, 5))));
    auto [three, five] = b;
    co_return a.value * 100 + three * 10 + five.value;
  };
  EXPECT_EQ(sync_wait(work()), 135);
  EXPECT_EQ(t.alive, 0);
}

/// Counts down when it is freed, a parameter of a task's say.
class held_token {
 public:
  explicit held_token(int& count) : count_(&count) { ++count; }
  held_token(held_token&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
  held_token& operator=(held_token&&) = delete;
  ~held_token() {
    if (count_ != nullptr) --*count_;
  }

 private:
  int* count_;
};

task<int> hold_while(held_token, duration delay, int value) {
  if (delay.count() > 0) co_await sleep(delay);
  co_return value;
}
task<int> fail_while(held_token, duration delay) {
  co_await sleep(delay);
  throw std::runtime_error("failed");
}
/// Ends when all others have given their tokens back.
task<int> wait_for_none(int& held) {
  while (held > 0) co_await sleep(1ms);
  co_return -1;
}

TEST_P(when_all_of, a_task_gives_back_what_it_holds_when_it_ends_though_others_go_on) {
  for (const duration delay : {duration(0ms), duration(2ms)}) {
    int held = 0;
    std::vector<task<int>> all;
    all.push_back(wait_for_none(held));
    for (int i = 0; i < 20; ++i) all.push_back(hold_while(held_token(held), delay, i));
    EXPECT_EQ(held, 20);
    const auto values = sync_wait(when_all(std::move(all)));
    EXPECT_EQ(values.front(), -1);
    EXPECT_EQ(values.back(), 19);
  }
}

TEST_P(when_all_of, one_of_several_types_gives_back_what_it_holds_too) {
  int held = 0;
  auto [first, last] =
      sync_wait(when_all(wait_for_none(held), hold_while(held_token(held), 1ms, 7)));
  EXPECT_EQ(first, -1);
  EXPECT_EQ(last, 7);
}

task<long> nested_groups(int depth) {
  if (depth == 0) co_return 0;
  auto [below, none] = co_await when_all(nested_groups(depth - 1), nothing());
  co_return below + 1;
}

TEST_P(when_all_of, groups_in_groups_come_back_without_growing_the_stack) {
  EXPECT_EQ(sync_wait(nested_groups(20'000)), 20'000);
}

TEST_P(when_all_of, a_task_that_fails_gives_back_what_it_holds_too) {
  int held = 0;
  std::vector<task<int>> all;
  all.push_back(wait_for_none(held));
  all.push_back(fail_while(held_token(held), 1ms));
  const auto ends = sync_wait(when_all_settled(std::move(all)));
  EXPECT_EQ(ends[0].has_value(), true);
  EXPECT_THROW(ends[1].value(), std::runtime_error);
}

TEST_P(when_all_of, a_task_that_was_awaited_before_fails_alone) {
  std::vector<task<int>> all;
  all.push_back(ready(1));
  all.push_back(ready(2));
  all.push_back(ready(3));
  const task<int> taken = std::move(all[1]);
  const auto ends = sync_wait(when_all_settled(std::move(all)));
  EXPECT_EQ(ends[0].value(), 1);
  EXPECT_THROW(ends[1].value(), std::logic_error);
  EXPECT_EQ(ends[2].value(), 3);
}

TEST_P(when_all_of, tasks_that_end_on_another_loop_are_joined_at_home) {
  driven other;
  auto leave = [](context& to, held_token, int value) -> task<int> {
    co_await resume_on(nothing(), to);
    if (value == 3) throw std::runtime_error("over there");
    co_return value;
  };
  int held = 0;
  std::vector<task<int>> all;
  for (int i = 0; i < 5; ++i) all.push_back(leave(other.get(), held_token(held), i));
  std::thread::id home;
  auto work = [&]() -> task<std::vector<outcome<int>>> {
    home = std::this_thread::get_id();
    auto ends = co_await when_all_settled(std::move(all));
    EXPECT_EQ(std::this_thread::get_id(), home);
    EXPECT_EQ(held, 0);
    co_return ends;
  };
  const auto ends = sync_wait(work());
  EXPECT_EQ(ends[4].value(), 4);
  EXPECT_THROW(ends[3].value(), std::runtime_error);
}

TEST_P(when_all_of, tasks_are_stopped_as_one) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(sleeper(t, forever, i));
  all.push_back(failing("enough", 1ms));
  EXPECT_THROW(sync_wait(when_all(std::move(all))), std::runtime_error);
  EXPECT_EQ(t.stopped, 10);
  EXPECT_EQ(t.alive, 0);
}

}  // namespace
}  // namespace execo::test
