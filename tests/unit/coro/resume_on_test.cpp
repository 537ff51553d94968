#include "execo/resume_on.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <random>
#include <stop_token>
#include <thread>

#include "execo/process.hpp"
#include "execo/start.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "leak_check.hpp"
#include "unit/coro/driven.hpp"
#include "unit/coro/foreign.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// What other libraries call an executor: one thread and a queue of functions.
class thread_executor {
 public:
  thread_executor()
      : thread_([this] {
          while (auto work = next()) work();
        }) {}
  thread_executor(const thread_executor&) = delete;
  thread_executor& operator=(const thread_executor&) = delete;
  ~thread_executor() {
    put(nullptr);
    thread_.join();
  }
  void put(std::function<void()> work) {
    std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(work));
    changed_.notify_one();
  }
  void post(std::function<void()> work) { put(std::move(work)); }
  std::thread::id id() const { return thread_.get_id(); }

  /// Handles with the two usual verbs.
  class executing {
   public:
    explicit executing(thread_executor& e) : to_(&e) {}
    template <class F>
    void execute(F f) const {
      to_->put(std::move(f));
    }

   private:
    thread_executor* to_;
  };
  class posting {
   public:
    explicit posting(thread_executor& e) : to_(&e) {}
    template <class F>
    void post(F f) {
      to_->put(std::move(f));
    }

   private:
    thread_executor* to_;
  };

 private:
  std::function<void()> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty(); });
    auto first = std::move(queue_.front());
    queue_.pop_front();
    return first;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::thread thread_;
};

task<std::thread::id> where_am_i() {
  co_await sleep(100us);
  co_return std::this_thread::get_id();
}

class on_another : public on_each_backend {};
EXECO_ON_EACH_BACKEND(on_another);

TEST_P(on_another, context_a_task_lives_there_and_its_awaiter_here) {
  driven other;
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<> {
    auto there = co_await on(other.get(), where_am_i());
    EXPECT_EQ(there, other.id());
    EXPECT_EQ(std::this_thread::get_id(), here);
    auto back = co_await on(other.get(), failing("boom", 0s));
    ADD_FAILURE() << back;
  };
  EXPECT_THROW(sync_wait(work()), std::runtime_error);
}

TEST_P(on_another, context_the_own_one_counts_too) {
  context c;
  auto work = [&]() -> task<bool> {
    auto id = co_await on(c, where_am_i());
    co_return id == std::this_thread::get_id();
  };
  EXPECT_TRUE(sync_wait(c, work()));
}

TEST_P(on_another, context_any_operation_may_run) {
  driven other;
  driven third;
  auto work = [&]() -> task<> {
    auto [a, b] = co_await when_all(on(other.get(), when_all(ready(1), where_am_i())), ready(2));
    EXPECT_EQ(std::get<1>(a), other.id());
    auto r = co_await on(other.get(), process("echo hi").run());
    EXPECT_EQ(r.out, "hi\n");
    auto nothing_came = co_await on(other.get(), timeout(sleep(forever), 1ms));
    EXPECT_FALSE(nothing_came);
    co_await on(other.get(), nothing());
    // There and back from there.
    const auto there_and_back = [&]() -> task<bool> {
      const auto mine = std::this_thread::get_id();
      auto yet_another = co_await on(third.get(), where_am_i());
      co_return yet_another != mine&& std::this_thread::get_id() == mine;
    };
    const bool came_back = co_await on(other.get(), there_and_back());
    EXPECT_TRUE(came_back);
  };
  sync_wait(work());
}

TEST_P(on_another, context_a_stop_travels_and_everything_is_joined) {
  driven other;
  tally t;
  auto work = [&]() -> task<> {
    auto late = co_await timeout(on(other.get(), sleeper(t, forever, 1)), 2ms);
    EXPECT_FALSE(late);
    EXPECT_EQ(t.alive, 0);
    auto first = co_await when_any(on(other.get(), sleeper(t, forever, 1)), sleep(1ms));
    EXPECT_EQ(first.index, 1U);
  };
  sync_wait(work());
  EXPECT_EQ(t.stopped, 2);
  EXPECT_EQ(t.alive, 0);
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(sync_wait(with_stop(on(other.get(), sleeper(t, forever, 1)), source.get_token())),
               operation_cancelled);
}

TEST_P(on_another, context_stops_race_with_the_end) {
  driven other;
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  context c;
  int alive = 0;
  int ended = 0;
  for (int round = 0; round < 1'000; ++round) {
    tally t;
    const auto length = std::chrono::microseconds(random() % 150);
    const auto limit = std::chrono::microseconds(random() % 150);
    auto v = sync_wait(c, timeout(on(other.get(), sleeper(t, length, 1)), limit));
    // The value of one that was let through is never dropped.
    EXPECT_EQ(v.has_value(), t.finished == 1);
    alive += t.alive;
    ended += t.stopped + t.finished;
  }
  EXPECT_EQ(alive, 0);
  EXPECT_LE(ended, 1'000);
}

class resume_on_place : public on_each_backend {};
EXECO_ON_EACH_BACKEND(resume_on_place);

TEST_P(resume_on_place, a_task_is_there_until_its_next_wait) {
  driven other;
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<> {
    const int v = co_await resume_on(ready(3), other.get());
    EXPECT_EQ(v, 3);
    EXPECT_EQ(std::this_thread::get_id(), other.id());
    co_await sleep(100us);
    EXPECT_EQ(std::this_thread::get_id(), here);
    auto id = co_await resume_on(where_am_i(), other.get());
    EXPECT_EQ(id, here);
    EXPECT_EQ(std::this_thread::get_id(), other.id());
    auto [a, b] = co_await when_all(ready(1), where_am_i());
    EXPECT_EQ(b, here);
    EXPECT_EQ(std::this_thread::get_id(), here);
  };
  sync_wait(work());
}

TEST_P(resume_on_place, executors_that_execute_or_post_will_do) {
  thread_executor pool;
  auto work = [&]() -> task<> {
    thread_executor::executing e(pool);
    co_await resume_on(sleep(100us), e);
    EXPECT_EQ(std::this_thread::get_id(), pool.id());
    const int v = co_await resume_on(ready(1), thread_executor::posting(pool));
    EXPECT_EQ(v, 1);
    EXPECT_EQ(std::this_thread::get_id(), pool.id());
    auto r = co_await process("true").run();
    EXPECT_TRUE(r.ok());
    EXPECT_NE(std::this_thread::get_id(), pool.id());
    co_await resume_on(nothing(), pool);
    EXPECT_EQ(std::this_thread::get_id(), pool.id());
  };
  sync_wait(work());
}

TEST_P(resume_on_place, a_task_may_end_there_and_what_awaits_it_is_at_home) {
  driven other;
  const auto here = std::this_thread::get_id();
  auto ends_there = [&]() -> task<std::thread::id> {
    co_await resume_on(nothing(), other.get());
    co_return std::this_thread::get_id();
  };
  auto work = [&]() -> task<> {
    auto id = co_await ends_there();
    EXPECT_EQ(id, other.id());
    EXPECT_EQ(std::this_thread::get_id(), here);
    auto [a, b] = co_await when_all(ends_there(), resume_on(ready(2), other.get()));
    EXPECT_EQ(a, other.id());
    EXPECT_EQ(std::this_thread::get_id(), here);
  };
  sync_wait(work());
  sync_wait(resume_on(nothing(), other.get()));
}

TEST_P(resume_on_place, exceptions_and_stops_come_out_there) {
  driven other;
  tally t;
  auto work = [&]() -> task<> {
    bool there = false;
    try {
      co_await resume_on(failing("boom", 0s), other.get());
    } catch (const std::runtime_error&) {
      there = std::this_thread::get_id() == other.id();
    }
    EXPECT_TRUE(there);
    auto late = co_await timeout(resume_on(sleeper(t, forever, 1), other.get()), 1ms);
    EXPECT_FALSE(late);
  };
  sync_wait(work());
  EXPECT_EQ(t.stopped, 1);
}

/// An executor that takes nothing.
class refusing {
 public:
  template <class F>
  void execute(F) const {
    throw std::runtime_error("closed");
  }
};

TEST_P(resume_on_place, an_executor_that_refuses_is_told_at_home) {
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<bool> {
    try {
      co_await resume_on(ready(1), refusing());
    } catch (const std::runtime_error&) {
      co_return std::this_thread::get_id() == here;
    }
    co_return false;
  };
  EXPECT_TRUE(sync_wait(work()));
}

TEST_P(resume_on_place, a_coroutine_without_a_loop_of_its_own_stays_there) {
  // It begins on the default context, which is made once.
  (void)context::default_instance();
  accept_as_base();
  driven other;
  auto work = [](driven& d) -> eager<bool> {
    co_await resume_on(sleep(100us), d.get());
    bool there = std::this_thread::get_id() == d.id();
    co_await sleep(100us);
    co_return there&& std::this_thread::get_id() == d.id();
  };
  EXPECT_TRUE(work(other).get());
}

TEST_P(resume_on_place, a_started_operation_that_ends_there_calls_back_on_its_own_context) {
  driven own;
  driven other;
  std::promise<std::thread::id> called_on;
  auto running = start(own.get(), resume_on(sleep(0ms), other.get()), [&](outcome<std::monostate>) {
    called_on.set_value(std::this_thread::get_id());
  });
  EXPECT_EQ(called_on.get_future().get(), own.id());
  running.join();
}

TEST_P(resume_on_place, hopping_to_and_fro_loses_nothing) {
  driven other;
  context c;
  int hops = 0;
  auto hop = [&]() -> task<> {
    for (int i = 0; i < 500; ++i) {
      co_await resume_on(nothing(), other.get());
      ++hops;
      co_await sleep(0s);
    }
  };
  sync_wait(c, hop());
  EXPECT_EQ(hops, 500);
}

}  // namespace
}  // namespace execo::test
