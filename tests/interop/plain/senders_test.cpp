// execo as part of a sender library in the manner of P2300.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "execo/interop/stdexec.hpp"
#include "execo/process.hpp"
#include "execo/start.hpp"
#include "execo/timeout.hpp"
#include "execo/when_any.hpp"
#include "interop/coroutine_types.hpp"
#include "interop/mini_senders.hpp"
#include "leak_check.hpp"
#include "unit/coro/probe.hpp"

template <class Env>
requires requires(Env& e) { mini::get_stop_token(e); }
struct execo::foreign_env<Env> {
  static auto stop_token(Env& e) { return mini::get_stop_token(e); }
};

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class senders : public ::testing::Test {
 protected:
  void SetUp() override { accept_default_context(); }
  void TearDown() override {
    c.stop();
    drives.join();
  }
  context c;
  std::thread drives{[this] { c.run(); }};
};

TEST_F(senders, an_operation_sends_its_value_on_the_thread_of_its_context) {
  std::thread::id where;
  auto code = mini::then(as_sender(c, process("sh -c 'exit 3'").run()), [&](result r) {
    where = std::this_thread::get_id();
    return r.status().code().value_or(90);
  });
  EXPECT_EQ(mini::sync_wait<int>(std::move(code)).value, 3);
  EXPECT_EQ(where, drives.get_id());
  auto first = mini::then(as_sender(c, when_any(sleep(forever), sleep(1ms))),
                          [](auto any) { return any.index; });
  EXPECT_EQ(mini::sync_wait<std::size_t>(std::move(first)).value, 1U);
  EXPECT_TRUE(mini::sync_wait<mini::nothing>(as_sender(c, nothing())).value);
  auto made = []() -> task<parcel> { co_return parcel(4); };
  EXPECT_EQ(mini::sync_wait<parcel>(as_sender(c, made())).value->value(), 4);
}

TEST_F(senders, without_a_context_it_runs_on_the_default_one) {
  EXPECT_EQ(mini::sync_wait<int>(as_sender(ready(5))).value, 5);
}

TEST_F(senders, an_exception_is_sent_as_an_error) {
  auto end = mini::sync_wait<int>(as_sender(c, failing("broken", 1ms)));
  ASSERT_TRUE(end.error);
  EXPECT_THROW(std::rethrow_exception(end.error), std::runtime_error);
}

TEST_F(senders, the_token_of_the_receiver_stops_a_wait_and_a_process) {
  std::stop_source source;
  std::promise<void> begun;
  auto work = [&]() -> task<> {
    begun.set_value();
    co_await sleep(forever);
  };
  std::thread asks([&] {
    begun.get_future().wait();
    source.request_stop();
  });
  auto end = mini::sync_wait<mini::nothing>(as_sender(c, work()), source.get_token());
  asks.join();
  EXPECT_TRUE(end.stopped);

  // It is stopped already: the process never starts.
  auto run = mini::sync_wait<result>(as_sender(c, process("sleep 600").run()), source.get_token());
  ASSERT_TRUE(run.value);
  EXPECT_EQ(run.value->how(), end_reason::cancelled);
}

TEST_F(senders, requests_race_with_ends) {
  for (int i = 0; i < 300; ++i) {
    std::stop_source source;
    std::thread asks([&] { source.request_stop(); });
    auto end = mini::sync_wait<mini::nothing>(
        as_sender(c, sleep(std::chrono::microseconds(i % 5 * 20))), source.get_token());
    EXPECT_NE(end.stopped, end.value.has_value());
    asks.join();
  }
}

TEST_F(senders, a_scheduler_completes_on_the_thread_of_its_context) {
  scheduler here(c);
  auto where = mini::then(here.schedule(), [] { return std::this_thread::get_id(); });
  EXPECT_EQ(mini::sync_wait<std::thread::id>(std::move(where)).value, drives.get_id());
  context other;
  EXPECT_EQ(here, scheduler(c));
  EXPECT_NE(here, scheduler(other));
  EXPECT_EQ(here.schedule().get_env().get_completion_scheduler(), here);

  std::stop_source source;
  source.request_stop();
  EXPECT_TRUE(mini::sync_wait<mini::nothing>(here.schedule(), source.get_token()).stopped);
}

/// A coroutine whose environment has a scheduler with senders.
template <class T>
class scheduled : public future_result<T> {
 public:
  using future_result<T>::future_result;
  class environment {
   public:
    explicit environment(scheduler s) : scheduler_(s) {}
    scheduler get_scheduler() const { return scheduler_; }

   private:
    scheduler scheduler_;
  };
  class promise_type : public future_promise<T> {
   public:
    template <class... Args>
    explicit promise_type(Args&... args) : scheduler_(argument<scheduler>(args...)) {}
    scheduled get_return_object() { return scheduled(this->done_.get_future()); }
    environment get_env() const { return environment(scheduler_); }

   private:
    scheduler scheduler_;
  };
};

TEST_F(senders, a_coroutine_goes_on_where_its_scheduler_completes) {
  auto work = [](scheduler) -> scheduled<std::thread::id> {
    co_await process("true").run();  // on the default context
    co_return std::this_thread::get_id();
  };
  EXPECT_EQ(work(scheduler(c)).get(), drives.get_id());
}

TEST_F(senders, in_a_task_a_sender_gives_what_it_sends) {
  auto work = [&]() -> task<int> {
    const int one = co_await as_awaitable(mini::just(5));
    auto several = co_await as_awaitable(mini::just(std::string("ab"), parcel(7)));
    co_await as_awaitable(mini::just());
    const int elsewhere = co_await as_awaitable(as_sender(c, ready(100)));
    co_return one + static_cast<int>(std::get<0>(several).size()) + std::get<1>(several).value() +
        elsewhere;
  };
  EXPECT_EQ(sync_wait(work()), 114);
}

TEST_F(senders, in_a_task_an_error_of_a_sender_is_thrown) {
  EXPECT_THROW(sync_wait(as_awaitable(as_sender(c, failing("broken", 1ms)))), std::runtime_error);
}

TEST_F(senders, in_a_task_a_stop_reaches_a_sender_and_comes_back) {
  auto late = sync_wait(timeout(as_awaitable(as_sender(c, sleep(forever))), 5ms));
  EXPECT_FALSE(late);
  auto cancelled = []() -> task<> {
    co_await sleep(1ms);
    throw operation_cancelled();
  };
  EXPECT_THROW(sync_wait(as_awaitable(as_sender(c, cancelled()))), operation_cancelled);
}

TEST_F(senders, in_a_task_race_with_stops_without_loss) {
  int values = 0;
  int stops = 0;
  for (int i = 0; i < 200; ++i) {
    auto end = sync_wait(timeout(as_awaitable(as_sender(c, sleep(100us))), 100us));
    end ? ++values : ++stops;
  }
  EXPECT_EQ(values + stops, 200);
}

}  // namespace
}  // namespace execo::test
