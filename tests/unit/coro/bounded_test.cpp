// when_all over many operations: bounded, from vectors, ranges and functions, and settled.
#include <gtest/gtest.h>

#include <random>
#include <ranges>
#include <stop_token>

#include "execo/process.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {

/// Cannot be started: what is awaited throws in its making.
class unstartable {
 public:
  class awaiter {
   public:
    explicit awaiter(const unstartable&) { throw std::runtime_error("no awaiter"); }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept { return 0; }
  };
  awaiter operator co_await() const { return awaiter(*this); }
};

/// Cannot be moved into its child once it is armed.
class unmovable_bomb {
 public:
  explicit unmovable_bomb(bool armed) : armed_(armed) {}
  unmovable_bomb(unmovable_bomb&& other) : armed_(other.armed_) {
    if (armed_ && ++moves_ > 1) throw std::bad_alloc();
  }
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  int await_resume() const noexcept { return 7; }
  static void reset() { moves_ = 0; }

 private:
  bool armed_;
  inline static int moves_ = 0;
};

namespace {

using namespace std::chrono_literals;

class bounded : public on_each_backend {};
EXECO_ON_EACH_BACKEND(bounded);

/// Counts how many of its operations run at once.
class crowd {
 public:
  task<int> visit(int n, duration delay) {
    ++entered;
    most = std::max(most, ++inside);
    auto leaving = leave_on_exit(*this);
    if (delay.count() > 0) co_await sleep(delay);
    co_return n;
  }
  int entered = 0;
  int inside = 0;
  int most = 0;

 private:
  class leave {
   public:
    explicit leave(crowd& c) : mine_(c) {}
    leave(const leave&) = delete;
    leave& operator=(const leave&) = delete;
    ~leave() { --mine_.inside; }

   private:
    crowd& mine_;
  };
  static leave leave_on_exit(crowd& c) { return leave(c); }
};

TEST_P(bounded, a_vector_runs_so_many_at_a_time_and_gives_its_values_in_order) {
  crowd c;
  std::vector<task<int>> all;
  for (int i = 0; i < 100; ++i) all.push_back(c.visit(i, std::chrono::microseconds(i * 37 % 500)));
  auto values = sync_wait(when_all(std::move(all)).max_in_flight(7));
  ASSERT_EQ(values.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(c.most, 7);
}

TEST_P(bounded, one_at_a_time_keeps_the_order) {
  std::vector<int> order;
  auto note = [&](int n) -> task<> {
    order.push_back(n);
    co_await sleep(std::chrono::microseconds(300 - n * 100));
  };
  std::vector<task<>> all;
  for (int i = 0; i < 3; ++i) all.push_back(note(i));
  sync_wait(when_all(std::move(all)).max_in_flight(1));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST_P(bounded, a_limit_of_none_is_refused_and_one_beyond_the_number_is_no_limit) {
  EXPECT_THROW((void)when_all(std::vector<task<int>>()).max_in_flight(0), std::invalid_argument);
  EXPECT_TRUE(sync_wait(when_all(std::vector<task<int>>()).max_in_flight(3)).empty());
  crowd c;
  std::vector<task<int>> all;
  for (int i = 0; i < 5; ++i) all.push_back(c.visit(i, 1ms));
  EXPECT_EQ(sync_wait(when_all(std::move(all)).max_in_flight(50)).size(), 5U);
  EXPECT_EQ(c.most, 5);
}

TEST_P(bounded, a_range_makes_its_operations_as_they_are_needed) {
  crowd c;
  int made = 0;
  int made_ahead = 0;
  auto make = [&](int i) {
    ++made;
    made_ahead = std::max(made_ahead, made - c.entered);
    return c.visit(i, 100us);
  };
  auto values =
      sync_wait(when_all(std::views::iota(0, 50) | std::views::transform(make)).max_in_flight(4));
  EXPECT_EQ(values.back(), 49);
  EXPECT_EQ(c.most, 4);
  EXPECT_EQ(made_ahead, 1);
}

TEST_P(bounded, a_function_makes_its_operations_until_it_gives_none) {
  crowd c;
  int next = 0;
  auto make = [&]() -> std::optional<task<int>> {
    if (next == 20) return std::nullopt;
    return c.visit(next++, 50us);
  };
  auto values = sync_wait(when_all(make).max_in_flight(3));
  EXPECT_EQ(values.size(), 20U);
  EXPECT_EQ(c.most, 3);
  next = 0;
  EXPECT_EQ(sync_wait(when_all(make)).size(), 20U);
  EXPECT_EQ(c.most, 20);
}

TEST_P(bounded, a_million_operations_need_not_exist_at_once) {
  long total = 0;
  auto add = [&](int n) -> task<> {
    total += n;
    co_return;
  };
  sync_wait(when_all(std::views::iota(0, 1'000'000) | std::views::transform(add)).max_in_flight(8));
  EXPECT_EQ(total, 499'999'500'000);
}

TEST_P(bounded, operations_that_end_at_once_leave_room_for_others) {
  int ticks = 0;
  auto ticker = [&]() -> task<int> {
    for (; ticks < 20; ++ticks) co_await sleep(0s);
    co_return ticks;
  };
  int ticks_at_the_end = 0;
  auto many = [&]() -> task<int> {
    co_await when_all(std::views::iota(0, 20'000) | std::views::transform(ready)).max_in_flight(4);
    ticks_at_the_end = ticks;
    co_return 0;
  };
  sync_wait(when_all(many(), ticker()));
  EXPECT_GT(ticks_at_the_end, 1);
}

TEST_P(bounded, the_first_failure_stops_the_others_and_starts_no_more) {
  tally t;
  std::vector<task<int>> all;
  all.push_back(sleeper(t, forever, 1));
  all.push_back(failing("boom", 1ms));
  for (int i = 0; i < 10; ++i) all.push_back(sleeper(t, forever, i));
  try {
    sync_wait(when_all(std::move(all)).max_in_flight(3));
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_STREQ(e.what(), "boom");
  }
  EXPECT_EQ(t.begun, 2);
  EXPECT_EQ(t.stopped, 2);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(bounded, an_exception_of_the_source_is_a_failure) {
  tally t;
  int made = 0;
  auto make = [&]() -> std::optional<task<int>> {
    if (++made == 3) throw std::runtime_error("no more");
    return sleeper(t, forever, 1);
  };
  EXPECT_THROW(sync_wait(when_all(make).max_in_flight(5)), std::runtime_error);
  EXPECT_EQ(t.stopped, 2);
  made = 0;
  EXPECT_THROW(sync_wait(when_all_settled(make).max_in_flight(5)), std::runtime_error);
  EXPECT_EQ(t.stopped, 4);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(bounded, an_operation_that_cannot_start_is_a_failure_like_any_other) {
  tally t;
  EXPECT_THROW(sync_wait(when_all(sleeper(t, forever, 1), unstartable())), std::runtime_error);
  EXPECT_EQ(t.stopped, 1);
  auto [a, b] = sync_wait(when_all_settled(unstartable(), ready(1)));
  EXPECT_FALSE(a.has_value());
  EXPECT_TRUE(b.has_value());
  auto make = [n = 0]() mutable -> std::optional<unmovable_bomb> {
    if (n++ < 2) return unmovable_bomb(false);
    return std::optional<unmovable_bomb>(std::in_place, true);
  };
  unmovable_bomb::reset();
  EXPECT_THROW(sync_wait(when_all(make).max_in_flight(2)), std::bad_alloc);
}

TEST_P(bounded, a_stop_starts_no_more_and_joins_what_runs) {
  tally t;
  std::vector<task<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(sleeper(t, forever, i));
  EXPECT_FALSE(sync_wait(timeout(when_all(std::move(all)).max_in_flight(4), 2ms)));
  EXPECT_EQ(t.begun, 4);
  EXPECT_EQ(t.stopped, 4);
  EXPECT_EQ(t.alive, 0);
}

TEST_P(bounded, a_stop_that_the_running_ones_ignore_is_no_success_of_those_not_started) {
  auto stubborn = [](int n) -> task<int> {
    try {
      co_await sleep(forever);
    } catch (const operation_cancelled&) {
    }
    co_return n;
  };
  std::stop_source source;
  source.request_stop();
  auto first_ten = std::views::iota(0, 10) | std::views::transform(stubborn);
  EXPECT_THROW(sync_wait(with_stop(when_all(first_ten).max_in_flight(2), source.get_token())),
               operation_cancelled);
}

class settled : public on_each_backend {};
EXECO_ON_EACH_BACKEND(settled);

TEST_P(settled, several_types_give_their_values_and_exceptions) {
  tally t;
  auto [a, b, c, d] =
      sync_wait(when_all_settled(sleeper(t, 3ms, 1), failing("boom", 1ms), nothing(), ready(4)));
  EXPECT_EQ(a.value(), 1);
  EXPECT_EQ(a.error(), nullptr);
  EXPECT_FALSE(b.has_value());
  EXPECT_THROW(b.value(), std::runtime_error);
  EXPECT_NE(b.error(), nullptr);
  EXPECT_EQ(c.value(), std::monostate());
  EXPECT_EQ(d.value(), 4);
  EXPECT_EQ(t.finished, 1) << "a failure stops nobody";
}

TEST_P(settled, a_range_gives_an_outcome_for_each) {
  std::vector<task<int>> all;
  for (int i = 0; i < 30; ++i) all.push_back(i % 3 == 0 ? failing("third", 1ms) : ready(i));
  auto ends = sync_wait(when_all_settled(std::move(all)).max_in_flight(4));
  ASSERT_EQ(ends.size(), 30U);
  for (std::size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(ends[i].has_value(), i % 3 != 0);
    if (i % 3 != 0) {
      EXPECT_EQ(ends[i].value(), static_cast<int>(i));
    }
  }
}

TEST_P(settled, values_only_have_to_move) {
  auto make = [](int n) -> task<parcel> { co_return parcel(n); };
  auto ends = sync_wait(when_all_settled(std::views::iota(0, 3) | std::views::transform(make)));
  parcel last = std::move(ends[2]).value();
  EXPECT_EQ(last.value(), 2);
  EXPECT_TRUE(sync_wait(when_all_settled(std::vector<task<int>>())).empty());
  sync_wait(when_all_settled());
}

TEST_P(settled, a_stop_is_the_outcome_of_those_that_ran_and_of_those_that_did_not) {
  tally t;
  std::stop_source source;
  auto work = [&]() -> task<> {
    std::vector<task<int>> all;
    for (int i = 0; i < 6; ++i) all.push_back(sleeper(t, i < 2 ? duration(1ms) : forever, i));
    auto stop = [&]() -> task<> {
      while (t.finished < 2) co_await sleep(100us);
      source.request_stop();
    };
    auto [ends, none] = co_await when_all(
        with_stop(when_all_settled(std::move(all)).max_in_flight(2), source.get_token()), stop());
    EXPECT_EQ(ends.size(), 6U);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      EXPECT_EQ(ends[i].has_value(), i < 2);
      if (i < 2) continue;
      EXPECT_THROW(ends[i].value(), operation_cancelled);
    }
  };
  sync_wait(work());
  EXPECT_EQ(t.alive, 0);
  EXPECT_LE(t.begun, 4);
}

TEST_P(settled, an_outcome_that_never_came_says_so) {
  outcome<int> none;
  EXPECT_FALSE(none.has_value());
  EXPECT_EQ(none.error(), nullptr);
  EXPECT_THROW(none.value(), std::logic_error);
}

// Random operations, limits and stops: never more than the limit, each coroutine that was entered
// has been left, and each outcome is the one of its place.
TEST_P(bounded, random_loads_and_stops_keep_their_promises) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  context c;
  for (int round = 0; round < 300; ++round) {
    crowd people;
    const int count = static_cast<int>(random() % 60);
    const std::size_t limit = 1 + random() % 9;
    int made = 0;
    auto fate = [&](int n) -> task<int> {
      const auto length = std::chrono::microseconds(random() % 200);
      switch (random() % 5) {
        case 0:
          co_return co_await people.visit(n, duration(0));
        case 1:
          co_await people.visit(n, length);
          throw std::runtime_error(std::to_string(n));
        default:
          co_return co_await people.visit(n, length);
      }
    };
    auto make = [&]() -> std::optional<task<int>> {
      if (made == count) return std::nullopt;
      return fate(made++);
    };
    std::stop_source source;
    const bool stops = random() % 2 == 0;
    const auto when = std::chrono::microseconds(random() % 2'000);
    auto stopper = [&]() -> task<> {
      if (!stops) co_return;
      co_await sleep(when);
      source.request_stop();
    };
    auto work = [&]() -> task<> {
      auto [ends, none] = co_await when_all(
          with_stop(when_all_settled(make).max_in_flight(limit), source.get_token()), stopper());
      EXPECT_EQ(ends.size(), static_cast<std::size_t>(made));
      EXPECT_TRUE(stops || made == count);
      for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends[i].has_value()) {
          EXPECT_EQ(ends[i].value(), static_cast<int>(i));
          continue;
        }
        try {
          ends[i].value();
        } catch (const operation_cancelled&) {
          EXPECT_TRUE(stops);
        } catch (const std::runtime_error& e) {
          EXPECT_EQ(e.what(), std::to_string(i));
        }
      }
    };
    sync_wait(c, work());
    ASSERT_EQ(people.inside, 0);
    ASSERT_LE(people.most, static_cast<int>(limit));
  }
}

}  // namespace
}  // namespace execo::test
