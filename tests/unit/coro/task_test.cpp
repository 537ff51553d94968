#include "execo/task.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class tasks : public on_each_backend {};
EXECO_ON_EACH_BACKEND(tasks);

task<int> sum(int a, int b) {
  const int x = co_await ready(a);
  const int y = co_await ready(b);
  co_return x + y;
}

TEST_P(tasks, give_their_value) { EXPECT_EQ(sync_wait(sum(2, 3)), 5); }

TEST_P(tasks, give_values_that_only_move_and_have_no_default) {
  auto make = []() -> task<parcel> { co_return parcel(7); };
  auto pass = [&]() -> task<parcel> {
    parcel p = co_await make();
    co_return std::move(p);
  };
  EXPECT_EQ(sync_wait(pass()).value(), 7);
}

TEST_P(tasks, pass_exceptions_on) {
  auto outer = []() -> task<int> {
    try {
      co_return co_await failing("inner", 0s);
    } catch (const std::runtime_error& e) {
      throw std::logic_error(std::string("outer of ") + e.what());
    }
  };
  try {
    sync_wait(outer());
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_STREQ(e.what(), "outer of inner");
  }
}

task<> set_flag(bool& flag) {
  flag = true;
  co_return;
}

TEST_P(tasks, do_nothing_until_awaited) {
  bool ran = false;
  { auto t = set_flag(ran); }
  EXPECT_FALSE(ran) << "destroyed without having been awaited";
  auto t = set_flag(ran);
  EXPECT_FALSE(ran);
  sync_wait(std::move(t));
  EXPECT_TRUE(ran);
}

TEST_P(tasks, free_their_arguments_when_destroyed_unawaited) {
  auto held = std::make_shared<int>(1);
  auto hold = [](std::shared_ptr<int> p) -> task<int> { co_return *p; };
  {
    auto t = hold(held);
    EXPECT_EQ(held.use_count(), 2);
    auto u = std::move(t);
    u = hold(held);
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

task<long> many_awaits(int count) {
  long total = 0;
  for (int i = 0; i < count; ++i) total += co_await ready(1);
  co_return total;
}

TEST_P(tasks, a_million_awaits_that_complete_at_once_do_not_grow_the_stack) {
  EXPECT_EQ(sync_wait(many_awaits(1'000'000)), 1'000'000);
}

task<long> nested(int depth) {
  if (depth == 0) co_return 0;
  const long below = co_await nested(depth - 1);
  co_return below + 1;
}

TEST_P(tasks, a_deep_chain_comes_back_without_growing_the_stack) {
  EXPECT_EQ(sync_wait(nested(100'000)), 100'000);
}

task<long> failing_awaits(int count) {
  long caught = 0;
  for (int i = 0; i < count; ++i) {
    try {
      co_await failing("x", 0s);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  co_return caught;
}

TEST_P(tasks, exceptions_in_a_loop_do_not_grow_the_stack) {
  EXPECT_EQ(sync_wait(failing_awaits(20'000)), 20'000);
}

TEST_P(tasks, destroy_their_locals_before_their_awaiter_goes_on) {
  tally t;
  auto outer = [&]() -> task<int> {
    const int v = co_await sleeper(t, 1ms, 3);
    EXPECT_EQ(t.alive, 0);
    co_return v;
  };
  EXPECT_EQ(sync_wait(outer()), 3);
}

TEST_P(tasks, stay_on_their_thread) {
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<bool> {
    co_await sleep(1ms);
    co_await nothing();
    co_return std::this_thread::get_id() == here;
  };
  EXPECT_TRUE(sync_wait(work()));
}

TEST_P(tasks, carry_references) {
  int n = 1;
  auto give = [](int& r) -> task<std::reference_wrapper<int>> { co_return std::ref(r); };
  sync_wait(give(n)).get() = 5;
  EXPECT_EQ(n, 5);
}

TEST_P(tasks, sleeps_of_no_or_negative_or_endless_length_are_what_they_say) {
  auto work = []() -> task<int> {
    co_await sleep(0s);
    co_await sleep(-1h);
    co_return 1;
  };
  EXPECT_EQ(sync_wait(work()), 1);
}

}  // namespace
}  // namespace execo::test
