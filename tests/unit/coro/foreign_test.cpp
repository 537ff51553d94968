// Coroutines of other libraries await execo's operations: no promise of ours is asked for.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "execo/process.hpp"
#include "execo/scope.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "leak_check.hpp"
#include "unit/coro/foreign.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

eager<int> await_some_of_everything() {
  co_await sleep(1ms);
  const int a = co_await ready(1);
  auto [b, c] = co_await when_all(ready(2), ready(3));
  auto first = co_await when_any(sleep(forever), sleep(1ms));
  auto late = co_await timeout(sleep(forever), 1ms);
  auto r = co_await process("sh -c 'exit 4'").run();
  const int late_points = late ? 1 : 0;
  co_return a + b + c + static_cast<int>(first.index) + late_points +
      r.status().code().value_or(90);
}

lazy<int> lazily() {
  co_await sleep(1ms);
  auto r = co_await process("sh -c 'exit 5'").run();
  co_return r.status().code().value_or(90);
}

eager<int> through_lazy() {
  const int n = co_await lazily();
  co_return n + 1;
}

class foreign : public on_each_backend {};
EXECO_ON_EACH_BACKEND(foreign);

TEST_P(foreign, an_eager_coroutine_runs_on_the_context_that_its_thread_drives) {
  context c;
  std::optional<eager<int>> work;
  c.post([&] { work.emplace(await_some_of_everything()); });
  auto wait = [&]() -> task<int> {
    while (!work || !work->ready()) co_await sleep(1ms);
    co_return work->get();
  };
  EXPECT_EQ(sync_wait(c, wait()), 11);
}

TEST_P(foreign, a_lazy_one_is_awaited_by_a_task) {
  auto outer = []() -> task<int> { co_return co_await lazily(); };
  EXPECT_EQ(sync_wait(outer()), 5);
  auto in_all = []() -> task<int> {
    auto [a, b] = co_await when_all(lazily(), lazily());
    co_return a + b;
  };
  EXPECT_EQ(sync_wait(in_all()), 10);
}

/// What the default context opens once is no leak.
class default_context : public ::testing::Test {
 protected:
  void SetUp() override {
    auto warm_up = []() -> eager<result> { co_return co_await process("true").run(); };
    EXPECT_TRUE(warm_up().get().ok());
    accept_as_base();
  }
};

TEST_F(default_context, serves_a_coroutine_on_a_plain_thread) {
  EXPECT_EQ(await_some_of_everything().get(), 11);
  EXPECT_EQ(through_lazy().get(), 6);
}

TEST_F(default_context, resumes_on_its_own_thread) {
  auto where = []() -> eager<std::thread::id> {
    co_await sleep(1ms);
    co_return std::this_thread::get_id();
  };
  EXPECT_NE(where().get(), std::this_thread::get_id());
}

TEST_F(default_context, serves_many_threads_at_once) {
  std::vector<std::thread> threads;
  std::atomic<int> total{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        auto hop = [](int n) -> eager<int> {
          const int a = co_await ready(n);
          auto [b, c] = co_await when_all(ready(a), sleep(duration(0)));
          co_return b;
        };
        total += hop(1).get();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(total, 2'400);
}

TEST_F(default_context, runs_a_process_started_on_a_plain_thread) {
  process p("sh -c 'echo hi'");
  p.start();
  auto wait = [](process& waited) -> eager<result> { co_return co_await waited.wait(); };
  auto r = wait(p).get();
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out, "hi\n");
}

TEST_F(default_context, throws_misuse_in_the_awaiting_coroutine) {
  auto wrong = []() -> eager<int> {
    co_await process("echo 'unclosed").run();
    co_return 0;
  };
  EXPECT_THROW(wrong().get(), std::invalid_argument);
}

}  // namespace
}  // namespace execo::test
