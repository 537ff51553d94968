// Each kind of coroutine awaits processes, sleeps, combinators and actions; is stopped half-way
// through its own token; and goes on where its library wants it.
#include "interop/coroutine_types.hpp"

#include <gtest/gtest.h>

#include "execo/process.hpp"
#include "execo/resume_on.hpp"
#include "execo/scope.hpp"
#include "execo/start.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "leak_check.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/coro/foreign.hpp"
#include "unit/coro/probe.hpp"

template <>
struct execo::foreign_stop_token<execo::test::cancellation> {
  static bool requested(const execo::test::cancellation& token) {
    return token.is_cancellation_requested();
  }
  template <class F>
  using callback = execo::test::cancellation_registration;
};

namespace execo::test {
namespace {

using namespace std::chrono_literals;

constexpr int all_of_it = 1 + 10 + 100 + 1'000 + 10'000;

// The same body for every type; the words in front are what its promise is made of. A macro,
// since a coroutine cannot be written once for several types of promise.
#define EXECO_AWAIT_ALL_OF_IT()                               \
  co_await sleep(1ms);                                        \
  auto ended = co_await process("sh -c 'exit 1'").run();      \
  int sum = ended.status().code().value_or(90);               \
  auto first = co_await when_any(sleep(forever), sleep(1ms)); \
  if (first.index == 1) sum += 10;                            \
  auto both = co_await when_all(ready(40), ready(60));        \
  sum += std::get<0>(both) + std::get<1>(both);               \
  fake_hosts hosts;                                           \
  fake_action on_hosts(hosts, 20);                            \
  auto report = co_await on_hosts.run();                      \
  if (report.ok() && report.all().size() == 20) sum += 1'000; \
  auto late = co_await timeout(sleep(forever), 1ms);          \
  if (!late) sum += 10'000;                                   \
  co_return sum

task<int> with_a_sum(int n) {
  co_await sleep(1ms);
  co_return n + 1;
}

lazy<int> lazily() { EXECO_AWAIT_ALL_OF_IT(); }
eager<int> eagerly() { co_return co_await lazily(); }
pooled<int> in_pool(worker_pool&) { EXECO_AWAIT_ALL_OF_IT(); }
with_env<int> with_token(own_token) { EXECO_AWAIT_ALL_OF_IT(); }
with_executor<int> with_both(worker_pool&, std::stop_token) { EXECO_AWAIT_ALL_OF_IT(); }

erased<int> behind_a_void_handle() { EXECO_AWAIT_ALL_OF_IT(); }
moving<int> with_moved_awaiters() { EXECO_AWAIT_ALL_OF_IT(); }
moving<int> with_a_moved_task() {
  const int one = co_await ready(1);
  const int two = co_await with_a_sum(one);
  co_return two;
}

/// The default context and what it opens once are no leak.
class coroutine_types : public ::testing::Test {
 protected:
  void SetUp() override {
    (void)eagerly().get();
    accept_as_base();
  }
  worker_pool pool{2};
  std::stop_source source;
};

TEST_F(coroutine_types, a_lazy_one_with_symmetric_transfer_awaits_everything) {
  EXPECT_EQ(eagerly().get(), all_of_it);
}

TEST_F(coroutine_types, one_that_hides_its_promise_awaits_everything) {
  EXPECT_EQ(behind_a_void_handle().get(), all_of_it);
}

TEST_F(coroutine_types, one_that_moves_awaiters_awaits_everything) {
  EXPECT_EQ(with_moved_awaiters().get(), all_of_it);
  EXPECT_EQ(with_a_moved_task().get(), 2);
}

task<> sleeps_in_a_task() { co_await sleep(forever); }

ends_stopped waits_for_a_sleep(own_token) { co_await sleep(forever); }
ends_stopped waits_for_all(own_token) { co_await when_all(sleep(forever), sleep(forever)); }
ends_stopped waits_for_any(own_token) { co_await when_any(sleep(forever), sleep(forever)); }
ends_stopped waits_in_time(own_token) { co_await timeout(sleep(forever), forever); }
ends_stopped waits_for_a_task(own_token) { co_await sleeps_in_a_task(); }
ends_stopped waits_for_a_process(own_token) {
  result r = co_await process("sleep 1000").run();
  if (r.how() != end_reason::cancelled) throw r;
}
ends_stopped waits_for_output(own_token) {
  process p = process("sleep 1000").start();
  (void)co_await p.out().next_line();
}
ends_stopped fails(own_token) { (void)co_await failing("broken", 1ms); }

TEST_F(coroutine_types, one_that_can_end_as_stopped_does_so_without_an_exception) {
  using end = ends_stopped::end;
  for (auto* make : {&waits_for_a_sleep, &waits_for_all, &waits_for_any, &waits_in_time,
                     &waits_for_a_task, &waits_for_output}) {
    std::stop_source one;
    ends_stopped running = make(own_token(one.get_token()));
    one.request_stop();
    EXPECT_EQ(running.get(), end::stopped);
  }
  // A process that was stopped has a result.
  ends_stopped running = waits_for_a_process(own_token(source.get_token()));
  source.request_stop();
  EXPECT_EQ(running.get(), end::returned);
  std::stop_source never;
  EXPECT_EQ(fails(own_token(never.get_token())).get(), end::threw);
  // Nobody asked it to stop: then it is an exception like another.
  std::stop_source inner;
  inner.request_stop();
  auto stopped_inside = [](own_token, std::stop_token token) -> ends_stopped {
    co_await with_stop(sleep(forever), token);
  };
  EXPECT_EQ(stopped_inside(own_token(never.get_token()), inner.get_token()).get(), end::threw);
}

TEST_F(coroutine_types, a_token_of_another_shape_is_one_for_with_stop_once_it_is_explained) {
  auto waits = [](cancellation token) -> task<bool> {
    try {
      co_await with_stop(sleep(forever), token);
    } catch (const operation_cancelled&) {
      co_return true;
    }
    co_return false;
  };
  auto running = as_future(waits(cancellation(source.get_token())));
  source.request_stop();
  EXPECT_TRUE(running.get());
  EXPECT_TRUE(as_future(waits(cancellation(source.get_token()))).get());
}

TEST_F(coroutine_types, a_token_of_another_library_is_one_for_with_stop) {
  auto waits = [](own_token token) -> task<bool> {
    try {
      co_await with_stop(sleep(forever), token);
    } catch (const operation_cancelled&) {
      co_return true;
    }
    co_return false;
  };
  auto running = as_future(waits(own_token(source.get_token())));
  source.request_stop();
  EXPECT_TRUE(running.get());
  EXPECT_TRUE(as_future(waits(own_token(source.get_token()))).get());
}

TEST_F(coroutine_types, a_scheduler_of_another_library_is_a_place_to_go_on) {
  auto where = [](worker_pool& threads) -> task<bool> {
    pooled<int>::scheduler scheduler(threads);
    const int n = co_await resume_on(ready(3), scheduler);
    EXPECT_EQ(n, 3);
    co_return threads.is_mine(std::this_thread::get_id());
  };
  EXPECT_TRUE(as_future(where(pool)).get());
}

TEST_F(coroutine_types, one_on_a_thread_pool_awaits_everything) {
  EXPECT_EQ(in_pool(pool).get(), all_of_it);
}

TEST_F(coroutine_types, one_with_a_token_in_its_environment_awaits_everything) {
  EXPECT_EQ(with_token(own_token(source.get_token())).get(), all_of_it);
  EXPECT_EQ(with_token(own_token(std::stop_token())).get(), all_of_it);
}

TEST_F(coroutine_types, one_with_an_executor_and_a_token_awaits_everything) {
  EXPECT_EQ(with_both(pool, source.get_token()).get(), all_of_it);
}

TEST_F(coroutine_types, one_in_a_driven_context_stays_there) {
  auto work = [&]() -> task<int> {
    auto inner = with_token(own_token(source.get_token()));
    while (!inner.ready()) co_await sleep(1ms);
    co_return inner.get();
  };
  EXPECT_EQ(sync_wait(work()), all_of_it);
}

TEST_F(coroutine_types, go_on_where_their_scheduler_is) {
  auto sticky = [this](worker_pool&) -> pooled<bool> {
    co_await sleep(1ms);
    const bool after_sleep = pool.is_mine(std::this_thread::get_id());
    co_await process("true").run();
    const bool after_run = pool.is_mine(std::this_thread::get_id());
    co_await when_all(ready(1), ready(2));
    const bool after_group = pool.is_mine(std::this_thread::get_id());
    co_await nothing();
    co_return after_sleep&& after_run&& after_group&& pool.is_mine(std::this_thread::get_id());
  };
  EXPECT_TRUE(sticky(pool).get());
  auto by_executor = [this](worker_pool&, std::stop_token) -> with_executor<bool> {
    co_await sleep(1ms);
    co_return pool.is_mine(std::this_thread::get_id());
  };
  EXPECT_TRUE(by_executor(pool, source.get_token()).get());
}

TEST_F(coroutine_types, without_a_scheduler_they_go_on_where_the_operation_ended) {
  context c;
  std::thread drives([&] { c.run(); });
  const auto there = drives.get_id();
  auto where = [&](own_token) -> with_env<std::thread::id> {
    process p("true");
    p.on(c);
    co_await p.run();
    co_return std::this_thread::get_id();
  };
  EXPECT_EQ(where(own_token(source.get_token())).get(), there);
  c.stop();
  drives.join();
}

/// Its executor is something that only its own library can use.
template <class T>
class with_name : public future_result<T> {
 public:
  using future_result<T>::future_result;
  class promise_type : public future_promise<T> {
   public:
    with_name get_return_object() { return with_name(this->done_.get_future()); }
    std::string get_executor() const { return "none of yours"; }
  };
};

TEST_F(coroutine_types, an_executor_that_cannot_continue_anything_is_left_alone) {
  auto work = []() -> with_name<int> {
    co_await sleep(1ms);
    co_return 3;
  };
  EXPECT_EQ(work().get(), 3);
}

/// Tells another thread that an operation is under way.
class milestone {
 public:
  void reach() { reached_.set_value(); }
  void wait() { reached_.get_future().wait(); }

 private:
  std::promise<void> reached_;
};

task<int> sleep_for_ever(milestone& m, int& ended) {
  m.reach();
  try {
    co_await sleep(forever);
  } catch (const operation_cancelled&) {
    ++ended;
    throw;
  }
  co_return 0;
}

#define EXECO_AWAIT_A_STOP()                                        \
  process p("sleep 600");                                           \
  auto watch = [](process& watched, milestone& started) -> task<> { \
    while (watched.pid() == 0) co_await sleep(1ms);                 \
    started.reach();                                                \
  };                                                                \
  auto both = co_await when_all(p.run(), watch(p, told));           \
  co_return std::get<0>(both).describe()

TEST_F(coroutine_types, a_request_of_another_thread_ends_a_process) {
  milestone m;
  auto env = [](own_token, milestone& told) -> with_env<std::string> { EXECO_AWAIT_A_STOP(); };
  auto running = env(own_token(source.get_token()), m);
  m.wait();
  source.request_stop();
  EXPECT_NE(running.get().find("cancelled"), std::string::npos);

  milestone n;
  std::stop_source second;
  auto executor = [](worker_pool&, std::stop_token, milestone& told) -> with_executor<std::string> {
    EXECO_AWAIT_A_STOP();
  };
  auto other = executor(pool, second.get_token(), n);
  n.wait();
  second.request_stop();
  EXPECT_NE(other.get().find("cancelled"), std::string::npos);
}

TEST_F(coroutine_types, a_request_of_another_thread_ends_a_sleep_a_group_and_an_action) {
  int ended = 0;
  milestone in_group;
  auto group = [&ended](own_token, milestone& m) -> with_env<int> {
    co_await when_all(sleep_for_ever(m, ended), sleep(forever));
    co_return 0;
  };
  auto running = group(own_token(source.get_token()), in_group);
  in_group.wait();
  source.request_stop();
  EXPECT_THROW(running.get(), operation_cancelled);
  EXPECT_EQ(ended, 1);

  std::stop_source second;
  milestone in_task;
  auto one_task = [&ended](worker_pool&, std::stop_token, milestone& m) -> with_executor<int> {
    co_return co_await sleep_for_ever(m, ended);
  };
  auto in_executor = one_task(pool, second.get_token(), in_task);
  in_task.wait();
  second.request_stop();
  EXPECT_THROW(in_executor.get(), operation_cancelled);
  EXPECT_EQ(ended, 2);

  std::stop_source third;
  milestone in_action;
  auto hosts_end = [](own_token, milestone& m) -> with_env<std::size_t> {
    fake_hosts hosts;
    hosts.behaviour = [&m](const host& h) {
      if (h.name() == "h4") m.reach();
      script s;
      s.takes = forever;
      return s;
    };
    fake_action on_hosts(hosts, 5);
    auto report = co_await on_hosts.run();
    co_return report.stats().count(end_reason::cancelled);
  };
  auto action_running = hosts_end(own_token(third.get_token()), in_action);
  in_action.wait();
  third.request_stop();
  EXPECT_EQ(action_running.get(), 5U);
}

TEST_F(coroutine_types, without_a_token_they_are_stopped_through_with_stop) {
  int ended = 0;
  milestone m;
  auto work = [&](worker_pool&, std::stop_token token) -> pooled<int> {
    co_return co_await with_stop(sleep_for_ever(m, ended), token);
  };
  auto running = work(pool, source.get_token());
  m.wait();
  source.request_stop();
  EXPECT_THROW(running.get(), operation_cancelled);
  EXPECT_EQ(ended, 1);
}

TEST_F(coroutine_types, a_request_before_the_operation_counts) {
  source.request_stop();
  auto work = [](own_token) -> with_env<std::string> {
    auto r = co_await process("sleep 600").run();
    co_return r.describe();
  };
  EXPECT_NE(work(own_token(source.get_token())).get().find("cancelled"), std::string::npos);
  auto in_task = [](own_token) -> with_env<int> {
    int n = 0;
    milestone unused;
    co_return co_await sleep_for_ever(unused, n);
  };
  EXPECT_THROW(in_task(own_token(source.get_token())).get(), operation_cancelled);
}

// The request and the end of the operation meet in every order.
TEST_F(coroutine_types, requests_race_with_ends) {
  for (int i = 0; i < 400; ++i) {
    std::stop_source s;
    std::atomic<bool> go{false};
    std::thread asks([&] {
      while (!go) std::this_thread::yield();
      s.request_stop();
    });
    auto one = [&go](own_token, int n) -> with_env<int> {
      go = true;
      try {
        co_await sleep(std::chrono::microseconds(n % 7 * 10));
        co_await when_all(sleep(duration(0)), nothing());
        co_await sleep(std::chrono::microseconds(n % 3 * 10));
      } catch (const operation_cancelled&) {
        co_return 1;
      }
      co_return 0;
    };
    auto running = one(own_token(s.get_token()), i);
    const int ended = running.get();
    EXPECT_TRUE(ended == 0 || ended == 1);
    asks.join();
  }
}

/// A library with queries of its own, which foreign_env is told about.
struct hidden_env {
  std::stop_token token;
};
std::stop_token ask_for_token(const hidden_env& e) { return e.token; }

}  // namespace
}  // namespace execo::test

template <class Env>
requires requires(Env& e) { execo::test::ask_for_token(e); }
struct execo::foreign_env<Env> {
  static auto stop_token(Env& e) { return execo::test::ask_for_token(e); }
};

namespace execo::test {
namespace {

template <class T>
class with_query : public future_result<T> {
 public:
  using future_result<T>::future_result;
  class promise_type : public future_promise<T> {
   public:
    template <class... Args>
    explicit promise_type(Args&... args) : token_(argument<std::stop_token>(args...)) {}
    with_query get_return_object() { return with_query(this->done_.get_future()); }
    hidden_env get_env() const { return hidden_env{token_}; }

   private:
    std::stop_token token_;
  };
};

TEST_F(coroutine_types, a_token_behind_a_query_is_read_by_a_specialisation) {
  source.request_stop();
  auto work = [](std::stop_token) -> with_query<int> {
    co_await sleep(forever);
    co_return 0;
  };
  EXPECT_THROW(work(source.get_token()).get(), operation_cancelled);
}

}  // namespace
}  // namespace execo::test
