// Operations started from code without coroutines, with a callback or a future.
#include "execo/start.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "execo/process.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "leak_check.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// A context that another thread drives.
class driven_context {
 public:
  driven_context() : thread_([this] { inner.run(); }) {}
  driven_context(const driven_context&) = delete;
  driven_context& operator=(const driven_context&) = delete;
  ~driven_context() {
    // What still runs is joined where it lives.
    inner.post([this] { inner.stop(); });
    thread_.join();
  }
  std::thread::id thread() const { return thread_.get_id(); }
  context inner;

 private:
  std::thread thread_;
};

class start : public on_each_backend {};
EXECO_ON_EACH_BACKEND(start);

TEST_P(start, calls_back_with_the_value_on_the_thread_of_the_context) {
  driven_context c;
  std::promise<std::pair<result, std::thread::id>> told;
  auto running =
      execo::start(c.inner, process("sh -c 'echo hi; exit 3'").run(), [&](outcome<result> end) {
        told.set_value(std::pair(std::move(end).value(), std::this_thread::get_id()));
      });
  auto [r, where] = told.get_future().get();
  EXPECT_EQ(r.status().code(), 3);
  EXPECT_EQ(r.out, "hi\n");
  EXPECT_EQ(where, c.thread());
  running.join();
  EXPECT_TRUE(running.done());
}

TEST_P(start, calls_back_with_the_error_and_with_nothing) {
  driven_context c;
  std::string what;
  bool nothing_told = false;
  auto one = execo::start(c.inner, failing("broken", 1ms), [&](outcome<int> end) {
    EXPECT_FALSE(end.has_value());
    EXPECT_FALSE(end.cancelled());
    try {
      (void)end.value();
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
  });
  auto two = execo::start(c.inner, nothing(), [&](outcome<void> end) {
    end.value();
    nothing_told = end.has_value();
  });
  one.join();
  two.join();
  EXPECT_EQ(what, "broken");
  EXPECT_TRUE(nothing_told);
}

TEST_P(start, gives_a_value_that_cannot_be_copied) {
  driven_context c;
  int got = 0;
  auto make = []() -> task<parcel> { co_return parcel(5); };
  auto running = execo::start(c.inner, make(), [&](outcome<parcel> end) {
    const parcel p = std::move(end).value();
    got = p.value();
  });
  running.join();
  EXPECT_EQ(got, 5);
}

TEST_P(start, never_calls_back_inside_itself) {
  context c;
  int order = 0;
  c.post([&] {
    auto running = execo::start(ready(1), [&](outcome<int>) {
      EXPECT_EQ(order, 1);
      order = 2;
      c.stop();
    });
    order = 1;
    std::move(running).detach();
  });
  c.run();
  EXPECT_EQ(order, 2);
}

TEST_P(start, a_stop_request_ends_a_process_and_a_wait) {
  driven_context c;
  std::string told;
  auto run = execo::start(c.inner, process("sleep 600").run(),
                          [&](outcome<result> end) { told = end.value().describe(); });
  bool cancelled = false;
  auto wait = execo::start(c.inner, sleep(forever),
                           [&](outcome<void> end) { cancelled = end.cancelled(); });
  run.request_stop();
  run.request_stop();
  wait.request_stop();
  run.join();
  wait.join();
  EXPECT_NE(told.find("cancelled"), std::string::npos) << told;
  EXPECT_TRUE(cancelled);
}

TEST_P(start, a_handle_that_goes_stops_the_operation_and_silences_the_callback) {
  tally t;
  driven_context c;
  std::promise<void> begun;
  auto work = [&]() -> task<int> {
    begun.set_value();
    co_return co_await sleeper(t, forever, 1);
  };
  {
    auto running = execo::start(c.inner, work(), [](outcome<int>) { FAIL() << "called"; });
    begun.get_future().wait();
  }
  // The operation ends on its loop, whose thread alone looks at the tally.
  while (as_future(c.inner, [](tally& seen) -> task<int> { co_return seen.stopped; }(t)).get() == 0)
    std::this_thread::yield();
  EXPECT_EQ(t.alive, 0);
}

TEST_P(start, a_handle_that_goes_waits_for_a_callback_under_way) {
  driven_context c;
  for (int i = 0; i < 50; ++i) {
    auto alive = std::make_unique<int>(1);
    std::atomic<bool> inside{false};
    {
      auto running = execo::start(c.inner, ready(1), [&](outcome<int>) {
        inside = true;
        for (int n = 0; n < 100; ++n) {
          std::this_thread::yield();
          EXPECT_EQ(*alive, 1);
        }
      });
      if (i % 2 == 0)
        while (!inside) std::this_thread::yield();
    }
    alive.reset();
  }
}

TEST_P(start, a_callback_may_destroy_its_own_handle) {
  driven_context c;
  std::promise<void> told;
  std::optional<started> running;
  c.inner.post([&] {
    running.emplace(execo::start(ready(1), [&](outcome<int>) {
      running.reset();
      told.set_value();
    }));
  });
  told.get_future().wait();
  EXPECT_FALSE(running.has_value());
}

TEST_P(start, detached_it_goes_on_and_calls_back) {
  driven_context c;
  std::promise<int> told;
  execo::start(c.inner, ready(7), [&](outcome<int> end) { told.set_value(end.value()); }).detach();
  EXPECT_EQ(told.get_future().get(), 7);
}

TEST_P(start, the_end_of_the_context_stops_and_joins_what_runs) {
  std::string told;
  std::optional<started> running;
  {
    context c;
    running.emplace(execo::start(c, process("sleep 600").run(),
                                 [&](outcome<result> end) { told = end.value().describe(); }));
    sync_wait(c, sleep(20ms));
  }
  EXPECT_NE(told.find("cancelled"), std::string::npos) << told;
  running->request_stop();
  running->join();
}

TEST_P(start, joining_inside_a_context_is_refused) {
  driven_context c;
  std::promise<bool> refused;
  auto running = execo::start(c.inner, sleep(forever), [](outcome<void>) {});
  c.inner.post([&] {
    try {
      running.join();
      refused.set_value(false);
    } catch (const std::logic_error&) {
      refused.set_value(true);
    }
  });
  EXPECT_TRUE(refused.get_future().get());
}

TEST_P(start, requests_of_several_threads_race_with_ends) {
  driven_context c;
  std::atomic<int> called{0};
  for (int i = 0; i < 300; ++i) {
    auto running = execo::start(c.inner, sleep(std::chrono::microseconds(i % 5 * 20)),
                                [&](outcome<void>) { ++called; });
    std::thread one([&] { running.request_stop(); });
    std::thread two([&] { running.request_stop(); });
    running.join();
    one.join();
    two.join();
  }
  EXPECT_EQ(called, 300);
}

TEST_P(start, gives_futures_to_any_thread) {
  driven_context c;
  std::vector<std::thread> threads;
  std::atomic<int> sum{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) sum += as_future(c.inner, ready(i)).get();
      EXPECT_TRUE(as_future(c.inner, process("true").run()).get().ok());
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(sum, 4 * 300);
  EXPECT_THROW(as_future(c.inner, failing("no", 0ms)).get(), std::runtime_error);
  as_future(c.inner, nothing()).get();
  EXPECT_EQ(as_future(c.inner, [] { return []() -> task<parcel> { co_return parcel(3); }(); }())
                .get()
                .value(),
            3);
}

TEST_P(start, a_future_is_refused_where_it_would_wait_for_itself) {
  auto inside = []() -> task<> {
    (void)as_future(ready(1));
    co_return;
  };
  EXPECT_THROW(sync_wait(inside()), std::logic_error);
}

TEST(start_by_default, runs_on_a_context_with_a_thread_of_its_own) {
  accept_default_context();
  std::promise<std::thread::id> told;
  auto running = execo::start(process("true").run(), [&](outcome<result> end) {
    EXPECT_TRUE(end.value().ok());
    told.set_value(std::this_thread::get_id());
  });
  EXPECT_NE(told.get_future().get(), std::this_thread::get_id());
  running.join();
}

}  // namespace
}  // namespace execo::test
