#include "execo/scope.hpp"

#include <gtest/gtest.h>

#include <coroutine>
#include <new>
#include <stdexcept>

#include "execo/process.hpp"
#include "execo/timeout.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {

/// Throws when it is moved into its frame.
class cannot_start {
 public:
  cannot_start() = default;
  cannot_start(cannot_start&&) { throw std::bad_alloc(); }
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

/// Throws when it is awaited.
class cannot_be_awaited {
 public:
  bool await_ready() const { throw std::runtime_error("not ready, never"); }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

namespace {

using namespace std::chrono_literals;

class scopes : public on_each_backend {};
EXECO_ON_EACH_BACKEND(scopes);

TEST_P(scopes, join_waits_for_everything_spawned) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    for (int i = 0; i < 10; ++i) s.spawn(sleeper(t, std::chrono::milliseconds(i), i));
    EXPECT_EQ(s.running(), 10U);
    co_await s.join();
    EXPECT_EQ(s.running(), 0U);
  };
  sync_wait(work());
  EXPECT_EQ(t.finished, 10);
}

TEST_P(scopes, an_operation_that_ends_at_once_does_no_harm_before_the_join) {
  auto work = []() -> task<> {
    scope s;
    s.spawn(nothing());
    s.spawn(ready(1));
    EXPECT_EQ(s.running(), 0U);
    co_await sleep(1ms);
    co_await s.join();
  };
  sync_wait(work());
}

TEST_P(scopes, an_operation_may_end_between_spawn_and_join) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(sleeper(t, 1ms, 1));
    while (s.running() != 0) co_await sleep(1ms);
    co_await s.join();
  };
  sync_wait(work());
  EXPECT_EQ(t.finished, 1);
}

TEST_P(scopes, joining_an_empty_one_and_joining_twice) {
  int joined = 0;
  auto work = [&]() -> task<> {
    scope s;
    co_await s.join();
    ++joined;
    co_await s.join();
    ++joined;
    EXPECT_EQ(s.running(), 0U);
  };
  sync_wait(work());
  EXPECT_EQ(joined, 2);
}

TEST_P(scopes, are_used_again_after_the_join) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    for (int round = 0; round < 3; ++round) {
      s.spawn(nothing());
      s.spawn(sleeper(t, 1ms, 1));
      co_await s.join();
      s.spawn(nothing());
      co_await sleep(1ms);
    }
    co_await s.join();
  };
  sync_wait(work());
  EXPECT_EQ(t.finished, 3);
}

TEST_P(scopes, the_first_failure_stops_the_others_and_comes_out_of_join) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(sleeper(t, forever, 1));
    s.spawn(failing("boom", 1ms));
    s.spawn(sleeper(t, forever, 2));
    co_await s.join();
  };
  try {
    sync_wait(work());
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "boom");
  }
  EXPECT_EQ(t.stopped, 2);
}

TEST_P(scopes, a_stop_of_the_joiner_stops_everything) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(sleeper(t, forever, 1));
    s.spawn(sleeper(t, forever, 2));
    co_await s.join();
  };
  EXPECT_FALSE(sync_wait(timeout(work(), 5ms)));
  EXPECT_EQ(t.stopped, 2);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(scopes, request_stop_stops_what_runs) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(sleeper(t, forever, 1));
    s.request_stop();
    try {
      co_await s.join();
    } catch (const operation_cancelled&) {
    }
  };
  sync_wait(work());
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(scopes, operations_spawn_into_their_own_scope) {
  int ran = 0;
  struct spawner {
    static task<> grow(scope& s, int depth, int& count) {
      ++count;
      if (depth == 0) co_return;
      s.spawn(grow(s, depth - 1, count));
      s.spawn(grow(s, depth - 1, count));
      co_await sleep(1ms);
      s.spawn(grow(s, 0, count));
    }
  };
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(spawner::grow(s, 6, ran));
    co_await s.join();
  };
  sync_wait(work());
  EXPECT_EQ(ran, 127 + 63);
}

TEST_P(scopes, frames_of_ended_operations_are_freed_while_it_goes_on) {
  auto held = std::make_shared<int>(0);
  auto hold = [](std::shared_ptr<int>) -> task<> { co_return; };
  auto work = [&]() -> task<> {
    scope s;
    for (int i = 0; i < 10'000; ++i) s.spawn(hold(held));
    EXPECT_LT(held.use_count(), 100);
    co_await s.join();
  };
  sync_wait(work());
  EXPECT_EQ(held.use_count(), 1);
}

TEST_P(scopes, an_operation_that_cannot_start_leaves_the_scope_as_it_was) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(sleeper(t, 1ms, 1));
    EXPECT_THROW(s.spawn(cannot_start()), std::bad_alloc);
    EXPECT_EQ(s.running(), 1U);
    co_await s.join();
    EXPECT_EQ(s.running(), 0U);
  };
  sync_wait(work());
  EXPECT_EQ(t.finished, 1);
  auto in_with_scope = [&](scope& s) -> task<> {
    s.spawn(sleeper(t, forever, 1));
    s.spawn(cannot_start());
    co_return;
  };
  EXPECT_THROW(sync_wait(with_scope(in_with_scope)), std::bad_alloc);
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(scopes, an_operation_that_throws_when_awaited_is_a_failure) {
  tally t;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(sleeper(t, forever, 1));
    s.spawn(cannot_be_awaited());
    co_await s.join();
  };
  EXPECT_THROW(sync_wait(work()), std::runtime_error);
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(scopes, a_work_function_that_throws_before_it_gives_an_operation_is_joined_too) {
  tally t;
  auto never = []() -> task<> { co_return; };
  auto no_task = [&](scope& s) {
    s.spawn(sleeper(t, forever, 1));
    if (s.running() == 1) throw std::logic_error("no task");
    return never();
  };
  EXPECT_THROW(sync_wait(with_scope(no_task)), std::logic_error);
  EXPECT_EQ(t.stopped, 1);
}

TEST_P(scopes, spawning_outside_a_context_is_refused) {
  scope s;
  EXPECT_THROW(s.spawn(nothing()), std::logic_error);
}

TEST_P(scopes, spawning_or_joining_on_another_context_is_refused) {
  context a;
  context b;
  scope s;
  auto spawn = [&]() -> task<> {
    s.spawn(nothing());
    co_return;
  };
  auto join = [&]() -> task<> { co_await s.join(); };
  sync_wait(a, spawn());
  EXPECT_THROW(sync_wait(b, spawn()), std::logic_error);
  EXPECT_THROW(sync_wait(b, join()), std::logic_error);
  sync_wait(a, join());
}

TEST(scopes_death, leaving_one_with_running_operations_ends_the_program) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto work = []() -> task<> {
    scope s;
    s.spawn(sleep(forever));
    co_return;
  };
  EXPECT_DEATH(sync_wait(work()), "");
}

TEST_P(scopes, with_scope_joins_on_every_path) {
  tally t;
  auto good = [&](scope& s) -> task<> {
    s.spawn(sleeper(t, 2ms, 1));
    co_return;
  };
  sync_wait(with_scope(good));
  EXPECT_EQ(t.finished, 1);
  auto bad = [&](scope& s) -> task<> {
    s.spawn(sleeper(t, forever, 1));
    co_await sleep(1ms);
    throw std::runtime_error("boom");
  };
  try {
    sync_wait(with_scope(bad));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "boom");
  }
  EXPECT_EQ(t.stopped, 1);
  EXPECT_FALSE(sync_wait(timeout(with_scope(bad), 0s)));
  EXPECT_EQ(t.alive, 0);
}

TEST_P(scopes, processes_spawned_into_one_are_gone_after_the_join) {
  process p("sleep 300");
  int alive = 0;
  auto work = [&]() -> task<> {
    scope s;
    s.spawn(p.run());
    while (p.pid() == 0) co_await sleep(1ms);
    s.request_stop();
    co_await s.join();
    alive = ::kill(p.pid(), 0);
  };
  sync_wait(work());
  EXPECT_EQ(alive, -1);
}

}  // namespace
}  // namespace execo::test
