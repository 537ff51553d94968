#include "execo/as_completed.hpp"

#include <gtest/gtest.h>

#include <random>
#include <ranges>
#include <set>
#include <stop_token>
#include <vector>

#include "execo/process.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class completed : public on_each_backend {};
EXECO_ON_EACH_BACKEND(completed);

TEST_P(completed, outcomes_come_in_the_order_of_the_ends) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 4; ++i) all.push_back(sleeper(t, std::chrono::milliseconds(20 - 5 * i), i));
  all.push_back(failing("boom", 0s));
  std::vector<std::size_t> order;
  auto body = [&](completions<int>& ends) -> task<int> {
    int failures = 0;
    while (auto end = co_await ends.next()) {
      order.push_back(end->index);
      if (!end->outcome.has_value()) {
        ++failures;
      } else {
        EXPECT_EQ(end->outcome.value(), static_cast<int>(end->index));
      }
    }
    auto none = co_await ends.next();
    EXPECT_FALSE(none);
    co_return failures;
  };
  EXPECT_EQ(sync_wait(as_completed(std::move(all), body)), 1);
  EXPECT_EQ(order, (std::vector<std::size_t>{4, 3, 2, 1, 0}));
}

TEST_P(completed, none_at_all_is_over_at_once) {
  auto body = [](completions<int>& ends) -> task<bool> {
    auto none = co_await ends.next();
    co_return none.has_value();
  };
  EXPECT_FALSE(sync_wait(as_completed(std::vector<task<int>>(), body)));
  EXPECT_FALSE(sync_wait(as_completed(std::vector<task<int>>(), body).max_in_flight(2)));
}

TEST_P(completed, leaving_early_stops_and_joins_the_rest) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(sleeper(t, i == 3 ? duration(1ms) : forever, i));
  auto first = [](completions<int>& ends) -> task<std::size_t> {
    auto end = co_await ends.next();
    co_return end->index;
  };
  EXPECT_EQ(sync_wait(as_completed(std::move(all), first)), 3U);
  EXPECT_EQ(t.stopped, 9);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(completed, an_exception_of_the_body_stops_and_joins_the_rest_and_comes_out) {
  tally t;
  auto body = [](completions<int>& ends) -> task<> {
    auto end = co_await ends.next();
    end->outcome.value();
  };
  auto make = [&, n = 0]() mutable -> std::optional<task<int>> {
    if (++n == 2) return failing("boom", 1ms);
    return sleeper(t, forever, n);
  };
  EXPECT_THROW(sync_wait(as_completed(make, body).max_in_flight(5)), std::runtime_error);
  EXPECT_EQ(t.begun, 4);
  EXPECT_EQ(t.stopped, 4);
  auto throws_at_once = [](completions<int>&) -> task<> { throw std::logic_error("no body"); };
  EXPECT_THROW(sync_wait(as_completed(make, throws_at_once).max_in_flight(5)), std::logic_error);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(completed, a_body_that_cannot_be_called_starts_nothing) {
  tally t;
  std::vector<task<int>> all;
  all.push_back(sleeper(t, forever, 1));
  auto body = [](completions<int>&) -> task<> {
    throw std::logic_error("no body");
    co_return;
  };
  auto uncallable = [&](completions<int>& ends) {
    if (t.begun == 0) throw std::bad_alloc();
    return body(ends);
  };
  EXPECT_THROW(sync_wait(as_completed(std::move(all), uncallable)), std::bad_alloc);
  EXPECT_EQ(t.begun, 0);
}

TEST_P(completed, a_slow_body_slows_the_operations) {
  int begun = 0;
  auto one = [&](int n) -> task<int> {
    ++begun;
    co_return n;
  };
  auto body = [&](completions<int>& ends) -> task<int> {
    int taken = 0;
    while (auto end = co_await ends.next()) {
      ++taken;
      co_await sleep(50us);
      EXPECT_LE(begun, taken + 3);
    }
    co_return taken;
  };
  auto ops = std::views::iota(0, 40) | std::views::transform(one);
  EXPECT_EQ(sync_wait(as_completed(ops, body).max_in_flight(3)), 40);
}

TEST_P(completed, a_stop_reaches_body_and_operations) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 3; ++i) all.push_back(sleeper(t, forever, i));
  auto body = [](completions<int>& ends) -> task<> {
    while (auto end = co_await ends.next()) {
    }
  };
  EXPECT_FALSE(sync_wait(timeout(as_completed(std::move(all), body), 2ms)));
  EXPECT_EQ(t.stopped, 3);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(completed, a_wait_for_the_next_that_is_stopped_loses_nothing) {
  tally t;
  std::vector<task<int>> all;
  all.push_back(sleeper(t, 5ms, 1));
  auto body = [](completions<int>& ends) -> task<int> {
    int waits = 0;
    for (;;) {
      auto end = co_await timeout(ends.next(), 500us);
      ++waits;
      if (end) {
        EXPECT_EQ((*end)->outcome.value(), 1);
        break;
      }
    }
    auto none = co_await ends.next();
    EXPECT_FALSE(none);
    co_return waits;
  };
  EXPECT_GE(sync_wait(as_completed(std::move(all), body)), 1);
}

TEST_P(completed, an_exception_of_the_source_comes_after_the_outcomes_there_are) {
  auto make = [n = 0]() mutable -> std::optional<task<int>> {
    if (++n == 3) throw std::runtime_error("no more");
    return ready(n);
  };
  auto body = [](completions<int>& ends) -> task<int> {
    int taken = 0;
    bool thrown = false;
    try {
      while (auto end = co_await ends.next()) ++taken;
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    co_return taken;
  };
  EXPECT_EQ(sync_wait(as_completed(make, body)), 2);
  EXPECT_EQ(sync_wait(as_completed(make, body).max_in_flight(1)), 2);
}

TEST_P(completed, processes_are_gone_after_an_early_end) {
  std::vector<process> all;
  for (int i = 0; i < 3; ++i) all.emplace_back(i == 1 ? "true" : "sleep 300");
  auto run = [&](int i) { return all[static_cast<std::size_t>(i)].run(); };
  auto first = [](completions<result>& ends) -> task<std::size_t> {
    auto end = co_await ends.next();
    EXPECT_TRUE(end->outcome.value().ok());
    co_return end->index;
  };
  auto ops = std::views::iota(0, 3) | std::views::transform(run);
  EXPECT_EQ(sync_wait(as_completed(ops, first)), 1U);
  EXPECT_FALSE(all[0].running());
  EXPECT_FALSE(all[2].running());
}

TEST_P(completed, random_loads_give_each_outcome_once) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  context c;
  for (int round = 0; round < 300; ++round) {
    tally t;
    const int count = static_cast<int>(random() % 40);
    const std::size_t leave_after = random() % 50;
    auto make = [&](int n) -> task<int> {
      const auto kind = random() % 4;
      if (kind == 0) return ready(n);
      if (kind == 1) return failing("boom", std::chrono::microseconds(random() % 100));
      return sleeper(t, std::chrono::microseconds(random() % 200), n);
    };
    std::set<std::size_t> seen;
    auto body = [&](completions<int>& ends) -> task<> {
      while (seen.size() < leave_after) {
        auto end = co_await ends.next();
        if (!end) break;
        EXPECT_TRUE(seen.insert(end->index).second);
        if (random() % 4 == 0) co_await sleep(std::chrono::microseconds(random() % 100));
      }
    };
    auto ops = std::views::iota(0, count) | std::views::transform(make);
    if (random() % 2 == 0) {
      sync_wait(c, as_completed(ops, body));
    } else {
      sync_wait(c, as_completed(ops, body).max_in_flight(1 + random() % 6));
    }
    ASSERT_EQ(seen.size(), std::min(leave_after, static_cast<std::size_t>(count)));
    ASSERT_EQ(t.alive, 0);
  }
}

}  // namespace
}  // namespace execo::test
