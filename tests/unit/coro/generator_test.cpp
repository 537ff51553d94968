#include "execo/generator.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "unit/coro/foreign.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class generators : public on_each_backend {};
EXECO_ON_EACH_BACKEND(generators);

generator<int> count_to(int n, duration pause) {
  for (int i = 1; i <= n; ++i) {
    if (pause.count() > 0) co_await sleep(pause);
    co_yield i;
  }
}

task<long> sum_of(generator<int> g) {
  long total = 0;
  while (auto v = co_await g.next()) total += *v;
  co_return total;
}

TEST_P(generators, give_value_after_value_and_then_nothing) {
  EXPECT_EQ(sync_wait(sum_of(count_to(4, duration(0)))), 10);
  EXPECT_EQ(sync_wait(sum_of(count_to(4, 1ms))), 10);
  EXPECT_EQ(sync_wait(sum_of(count_to(0, duration(0)))), 0);
  auto after_the_end = []() -> task<int> {
    auto g = count_to(1, duration(0));
    co_await g.next();
    int empty = 0;
    for (int i = 0; i < 3; ++i) {
      auto none = co_await g.next();
      if (!none) ++empty;
    }
    co_return empty;
  };
  EXPECT_EQ(sync_wait(after_the_end()), 3);
}

TEST_P(generators, run_only_while_a_value_is_waited_for) {
  std::vector<int> steps;
  auto make = [](std::vector<int>& s) -> generator<int> {
    s.push_back(1);
    co_yield 10;
    s.push_back(2);
    co_yield 20;
    s.push_back(3);
  };
  auto work = [&]() -> task<> {
    auto g = make(steps);
    EXPECT_TRUE(steps.empty());
    auto v = co_await g.next();
    EXPECT_EQ(v, 10);
    co_await sleep(1ms);
    EXPECT_EQ(steps, std::vector<int>{1});
    v = co_await g.next();
    EXPECT_EQ(v, 20);
    v = co_await g.next();
    EXPECT_FALSE(v);
  };
  sync_wait(work());
  EXPECT_EQ(steps, (std::vector<int>{1, 2, 3}));
}

TEST_P(generators, give_values_that_only_move) {
  auto make = []() -> generator<parcel> {
    co_yield parcel(1);
    parcel two(2);
    co_yield std::move(two);
  };
  auto work = [&]() -> task<int> {
    auto g = make();
    auto a = co_await g.next();
    auto b = co_await g.next();
    co_return a->value() * 10 + b->value();
  };
  EXPECT_EQ(sync_wait(work()), 12);
}

TEST_P(generators, pass_an_exception_on_once_and_are_over) {
  auto make = []() -> generator<int> {
    co_yield 1;
    throw std::runtime_error("boom");
  };
  auto work = [&]() -> task<> {
    auto g = make();
    auto v = co_await g.next();
    EXPECT_EQ(v, 1);
    bool thrown = false;
    try {
      co_await g.next();
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    v = co_await g.next();
    EXPECT_FALSE(v);
  };
  sync_wait(work());
}

TEST_P(generators, dropped_between_two_values_or_before_the_first_destroy_their_locals) {
  auto held = std::make_shared<int>(1);
  auto make = [](std::shared_ptr<int> p) -> generator<int> {
    auto mine = p;
    for (;;) co_yield *mine;
  };
  auto work = [&]() -> task<> {
    auto g = make(held);
    auto v = co_await g.next();
    EXPECT_EQ(v, 1);
    EXPECT_EQ(held.use_count(), 3);
    g = make(held);
    EXPECT_EQ(held.use_count(), 2);
  };
  sync_wait(work());
  EXPECT_EQ(held.use_count(), 1);
}

TEST_P(generators, a_stop_of_the_waiting_one_reaches_what_the_coroutine_awaits) {
  bool cleaned = false;
  auto make = [&]() -> generator<int> {
    co_yield 1;
    try {
      co_await sleep(forever);
    } catch (const operation_cancelled&) {
      cleaned = true;
      throw;
    }
    co_yield 2;
  };
  auto work = [&]() -> task<> {
    auto g = make();
    auto first = co_await timeout(g.next(), 1h);
    EXPECT_TRUE(first && *first == 1);
    auto second = co_await timeout(g.next(), 2ms);
    EXPECT_FALSE(second);
    EXPECT_TRUE(cleaned);
    auto third = co_await g.next();
    EXPECT_FALSE(third);
  };
  sync_wait(work());
}

TEST_P(generators, may_survive_a_stop_and_go_on) {
  auto make = []() -> generator<int> {
    for (int i = 0;; ++i) {
      duration pause = forever;
      if (i % 2 == 0) pause = 1ms;
      try {
        co_await sleep(pause);
      } catch (const operation_cancelled&) {
      }
      co_yield i;
    }
  };
  auto work = [&]() -> task<> {
    auto g = make();
    for (int i = 0; i < 4; ++i) {
      std::optional<int> v;
      if (i % 2 == 0) {
        v = co_await g.next();
      } else {
        auto limited = co_await timeout(g.next(), 1ms);
        EXPECT_FALSE(limited) << "the deadline ended what it waited for";
        continue;
      }
      EXPECT_EQ(v, i);
    }
  };
  sync_wait(work());
}

TEST_P(generators, a_second_next_while_one_waits_is_refused) {
  auto work = []() -> task<> {
    auto g = count_to(1, 1ms);
    auto [first, second] = co_await when_all_settled(g.next(), g.next());
    EXPECT_TRUE(first.has_value());
    EXPECT_THROW(second.value(), std::logic_error);
  };
  sync_wait(work());
}

TEST_P(generators, a_long_one_does_not_grow_the_stack) {
  EXPECT_EQ(sync_wait(sum_of(count_to(200'000, duration(0)))), 20'000'100'000);
}

TEST_P(generators, chain) {
  auto doubled = [](generator<int> in) -> generator<int> {
    while (auto v = co_await in.next()) co_yield 2 * *v;
  };
  EXPECT_EQ(sync_wait(sum_of(doubled(doubled(count_to(10, 100us))))), 220);
}

TEST_P(generators, serve_coroutines_of_other_libraries) {
  context c;
  std::optional<eager<long>> work;
  auto consume = []() -> eager<long> {
    long total = 0;
    auto g = count_to(4, 100us);
    while (auto v = co_await g.next()) total += *v;
    co_return total;
  };
  c.post([&] { work.emplace(consume()); });
  auto wait = [&]() -> task<long> {
    while (!work || !work->ready()) co_await sleep(1ms);
    co_return work->get();
  };
  EXPECT_EQ(sync_wait(c, wait()), 10);
}

}  // namespace
}  // namespace execo::test
