// Executor affinity: an execo coroutine resumes on its own loop, whatever it awaits, and whichever
// thread resumes it.
#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "execo/generator.hpp"
#include "execo/scope.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "long_count.hpp"
#include "unit/coro/foreign.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {

/// Threads that tests start, joined at the end.
class thread_list {
 public:
  thread_list() = default;
  thread_list(const thread_list&) = delete;
  thread_list& operator=(const thread_list&) = delete;
  ~thread_list() {
    for (std::thread& t : threads_) t.join();
  }
  template <class F>
  void start(F f) {
    threads_.emplace_back(std::move(f));
  }

 private:
  std::vector<std::thread> threads_;
};

/// An awaiter of another library: resumes from a thread of its own.
class from_thread {
 public:
  from_thread(thread_list& threads, int value) : threads_(threads), value_(value) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    threads_.start([awaiting] { awaiting.resume(); });
  }
  int await_resume() {
    if (value_ < 0) throw std::runtime_error("negative");
    return value_;
  }

 private:
  thread_list& threads_;
  int value_;
};

/// The same for a type that is made an awaiter by its operator, resumes by bool, or gives
/// references.
class by_operator {
 public:
  by_operator(thread_list& threads, int value) : threads_(threads), value_(value) {}
  from_thread operator co_await() const { return from_thread(threads_, value_); }

 private:
  thread_list& threads_;
  int value_;
};

class never_waits {
 public:
  explicit never_waits(int& n) : n_(n) {}
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
  int& await_resume() const noexcept { return n_; }

 private:
  int& n_;
};

class resumes_inside_await_suspend {
 public:
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const { awaiting.resume(); }
  void await_resume() const noexcept {}
};

/// Cannot be moved: awaited where it is.
class pinned {
 public:
  explicit pinned(thread_list& threads) : threads_(threads) {}
  pinned(const pinned&) = delete;
  pinned& operator=(const pinned&) = delete;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    threads_.start([awaiting] { awaiting.resume(); });
  }
  pinned* await_resume() noexcept { return this; }

 private:
  thread_list& threads_;
};

namespace {

using namespace std::chrono_literals;

class affinity : public on_each_backend {};
EXECO_ON_EACH_BACKEND(affinity);

TEST_P(affinity, a_task_comes_back_from_an_awaiter_that_resumes_on_another_thread) {
  thread_list threads;
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<int> {
    int total = co_await from_thread(threads, 1);
    EXPECT_EQ(std::this_thread::get_id(), here);
    total += co_await by_operator(threads, 2);
    EXPECT_EQ(std::this_thread::get_id(), here);
    from_thread named(threads, 4);
    total += co_await named;
    EXPECT_EQ(std::this_thread::get_id(), here);
    pinned fixed(threads);
    pinned* same = co_await fixed;
    EXPECT_EQ(same, &fixed);
    EXPECT_EQ(std::this_thread::get_id(), here);
    co_await sleep(1ms);
    co_return total;
  };
  EXPECT_EQ(sync_wait(work()), 7);
}

TEST_P(affinity, an_exception_of_the_foreign_awaiter_comes_out_there) {
  thread_list threads;
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<bool> {
    try {
      co_await from_thread(threads, -1);
    } catch (const std::runtime_error&) {
      co_return std::this_thread::get_id() == here;
    }
    co_return false;
  };
  EXPECT_TRUE(sync_wait(work()));
}

TEST_P(affinity, awaiters_that_do_not_wait_and_references_pass_through) {
  int n = 1;
  auto work = [&]() -> task<> {
    int& same = co_await never_waits(n);
    same = 5;
    co_await std::suspend_never();
    for (int i = 0; i < 1'000; ++i) co_await resumes_inside_await_suspend();
  };
  sync_wait(work());
  EXPECT_EQ(n, 5);
}

TEST_P(affinity, operations_of_combinators_come_back_too) {
  thread_list threads;
  const auto here = std::this_thread::get_id();
  auto work = [&]() -> task<> {
    auto [a, b] = co_await when_all(from_thread(threads, 1), by_operator(threads, 2));
    EXPECT_EQ(a + b, 3);
    EXPECT_EQ(std::this_thread::get_id(), here);
    auto first = co_await when_any(from_thread(threads, 3), sleep(forever));
    EXPECT_EQ(first.index, 0U);
    EXPECT_EQ(std::this_thread::get_id(), here);
    auto in_time = co_await timeout(from_thread(threads, 4), 1h);
    EXPECT_EQ(in_time, 4);
    EXPECT_EQ(std::this_thread::get_id(), here);
    scope s;
    s.spawn(from_thread(threads, 5));
    co_await s.join();
    EXPECT_EQ(std::this_thread::get_id(), here);
  };
  sync_wait(work());
  EXPECT_EQ(sync_wait(from_thread(threads, 6)), 6);
}

TEST_P(affinity, a_generator_comes_back_as_well) {
  thread_list threads;
  const auto here = std::this_thread::get_id();
  auto make = [&]() -> generator<int> {
    const int first = co_await from_thread(threads, 1);
    co_yield first;
    EXPECT_EQ(std::this_thread::get_id(), here);
    co_yield 2;
  };
  auto work = [&]() -> task<int> {
    auto g = make();
    int total = 0;
    while (auto v = co_await g.next()) total += *v;
    co_return total;
  };
  EXPECT_EQ(sync_wait(work()), 3);
}

TEST_P(affinity, a_foreign_coroutine_between_two_of_execos_needs_no_help) {
  thread_list threads;
  const auto here = std::this_thread::get_id();
  auto middle = [](thread_list& t) -> lazy<int> {
    const int a = co_await from_thread(t, 1);
    co_return a + 1;
  };
  auto work = [&]() -> task<int> {
    const int v = co_await middle(threads);
    EXPECT_EQ(std::this_thread::get_id(), here);
    co_return v;
  };
  EXPECT_EQ(sync_wait(work()), 2);
}

TEST_P(affinity, a_long_loop_over_foreign_awaiters_does_not_grow_the_stack) {
  auto one = []() -> lazy<int> { co_return 1; };
  auto work = [&]() -> task<long> {
    long total = 0;
    for (int i = 0; i < 20'000; ++i) {
      total += co_await one();
      if (i % 100 == 0) co_await sleep(0s);
    }
    co_return total;
  };
  EXPECT_EQ(sync_wait(work()), 20'000);
}

TEST_P(affinity, many_resumptions_from_other_threads_each_count_once) {
  std::atomic<bool> over{false};
  // One thread resumes whatever is handed to it, as a foreign event loop does.
  std::atomic<void*> handed{nullptr};
  std::thread other([&] {
    while (!over) {
      if (void* h = handed.exchange(nullptr)) std::coroutine_handle<>::from_address(h).resume();
    }
  });
  struct handing {
    std::atomic<void*>& to;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) const noexcept { to = h.address(); }
    void await_resume() const noexcept {}
  };
  const auto here = std::this_thread::get_id();
  const int count = long_count(20'000);
  int resumed = 0;
  auto work = [&]() -> task<> {
    for (int i = 0; i < count; ++i) {
      co_await handing{handed};
      ++resumed;
      if (std::this_thread::get_id() != here) co_return;
    }
  };
  sync_wait(work());
  over = true;
  other.join();
  EXPECT_EQ(resumed, count);
}

}  // namespace
}  // namespace execo::test
