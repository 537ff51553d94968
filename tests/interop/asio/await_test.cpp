// async_await: execo's operations with Asio's completion tokens.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "execo/process.hpp"
#include "execo/start.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "interop/asio/net.hpp"
#include "leak_check.hpp"
#include "unit/action/fake_transport.hpp"
#include "unit/coro/probe.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using namespace net::experimental::awaitable_operators;

/// The default context and what it opens once are no leak.
class asio_await : public ::testing::Test {
 protected:
  void SetUp() override { accept_default_context(); }
  net::io_context io;
};

TEST_F(asio_await, gives_an_awaitable) {
  auto work = []() -> net::awaitable<int> {
    const auto home = std::this_thread::get_id();
    auto r = co_await async_await(process("sh -c 'exit 1'").run(), net::use_awaitable);
    int sum = r.status().code().value_or(90);
    co_await async_await(sleep(1ms), net::use_awaitable);
    sum += co_await async_await(ready(10), net::use_awaitable);
    auto first = co_await async_await(when_any(sleep(forever), sleep(1ms)), net::use_awaitable);
    if (first.index == 1) sum += 100;
    fake_hosts hosts;
    fake_action on_hosts(hosts, 10);
    auto report = co_await async_await(on_hosts.run(), net::use_awaitable);
    if (report.ok()) sum += 1'000;
    if (std::this_thread::get_id() == home) sum += 10'000;
    co_return sum;
  };
  auto done = net::co_spawn(io, work(), net::use_future);
  io.run();
  EXPECT_EQ(done.get(), 11'111);
}

TEST_F(asio_await, throws_into_an_awaitable) {
  auto work = []() -> net::awaitable<std::string> {
    try {
      co_await async_await(failing("broken", 1ms), net::use_awaitable);
    } catch (const std::runtime_error& e) {
      co_return e.what();
    }
    co_return "nothing thrown";
  };
  auto done = net::co_spawn(io, work(), net::use_future);
  io.run();
  EXPECT_EQ(done.get(), "broken");
}

TEST_F(asio_await, gives_a_future) {
  EXPECT_EQ(async_await(ready(3), net::use_future).get(), 3);
  async_await(nothing(), net::use_future).get();
  EXPECT_THROW(async_await(failing("no", 0ms), net::use_future).get(), std::runtime_error);
}

TEST_F(asio_await, calls_a_handler_on_its_executor_and_keeps_that_at_work) {
  std::thread::id where;
  int code = 0;
  async_await(process("sh -c 'sleep 0.05; exit 4'").run(),
              net::bind_executor(io, [&](std::exception_ptr error, result r) {
                EXPECT_FALSE(error);
                where = std::this_thread::get_id();
                code = r.status().code().value_or(90);
              }));
  EXPECT_EQ(io.run(), 1U);
  EXPECT_EQ(where, std::this_thread::get_id());
  EXPECT_EQ(code, 4);
}

TEST_F(asio_await, calls_a_handler_without_an_executor_where_the_context_is) {
  context c;
  std::thread::id where;
  async_await(c, ready(1), [&](std::exception_ptr, int) {
    where = std::this_thread::get_id();
    c.stop();
  });
  std::thread drives([&] { c.run(); });
  const auto there = drives.get_id();
  drives.join();
  EXPECT_EQ(where, there);
}

TEST_F(asio_await, brings_what_cannot_be_made_from_nothing_in_an_optional) {
  auto make = []() -> task<parcel> { co_return parcel(9); };
  auto work = [&]() -> net::awaitable<int> {
    std::optional<parcel> p = co_await async_await(make(), net::use_awaitable);
    co_return p->value();
  };
  auto done = net::co_spawn(io, work(), net::use_future);
  io.run();
  EXPECT_EQ(done.get(), 9);
}

TEST_F(asio_await, waits_with_deferred_and_as_tuple) {
  auto work = []() -> net::awaitable<int> {
    auto later = async_await(ready(5), deferred);
    int sum = co_await std::move(later)(net::use_awaitable);
    auto [error, n] = co_await async_await(ready(6), as_tuple(net::use_awaitable));
    if (!error) sum += n;
    auto [broken, none] = co_await async_await(failing("no", 0ms), as_tuple(net::use_awaitable));
    if (broken) sum += 100 + none;
    co_return sum;
  };
  auto done = net::co_spawn(io, work(), net::use_future);
  io.run();
  EXPECT_EQ(done.get(), 111);
}

/// A process that ignores TERM, and says when it does.
class stubborn {
 public:
  stubborn() : p_("sh -c 'trap \"\" TERM; echo > ready; while :; do sleep 0.05; done'") {
    char name[] = "/tmp/execo-interop-XXXXXX";
    folder_ = ::mkdtemp(name);
    p_.cwd(folder_).kill_timeout(200ms);
  }
  stubborn(const stubborn&) = delete;
  stubborn& operator=(const stubborn&) = delete;
  ~stubborn() {
    ::unlink((folder_ + "/ready").c_str());
    ::rmdir(folder_.c_str());
  }
  process& get() { return p_; }
  /// It may run for a moment before its loop knows: stopped then, it is killed at once.
  bool ready() const { return p_.pid() != 0 && ::access((folder_ + "/ready").c_str(), F_OK) == 0; }

 private:
  process p_;
  std::string folder_;
};

/// Runs a process and emits a signal when it is up.
class signalled_run {
 public:
  explicit signalled_run(net::io_context& io, process& p, std::function<bool()> up,
                         net::cancellation_type how)
      : timer_(io), up_(std::move(up)), how_(how) {
    p.start();  // from here on any thread may ask for its pid
    async_await(p.run(),
                net::bind_cancellation_slot(
                    signal_.slot(), net::bind_executor(io, [this](std::exception_ptr e, result r) {
                      error = e;
                      end = std::move(r);
                    })));
    wait();
    io.run();
  }
  std::exception_ptr error;
  result end;

 private:
  void wait() {
    timer_.expires_after(1ms);
    timer_.async_wait([this](net_error_code) {
      if (up_()) return signal_.emit(how_);
      wait();
    });
  }
  net::cancellation_signal signal_;
  net::steady_timer timer_;
  std::function<bool()> up_;
  net::cancellation_type how_;
};

TEST_F(asio_await, a_partial_cancellation_ends_a_process_and_escalates) {
  process p("sleep 600");
  signalled_run mild(
      io, p, [&] { return p.pid() != 0; }, net::cancellation_type::partial);
  EXPECT_EQ(mild.end.how(), end_reason::cancelled) << mild.end.describe();
  EXPECT_FALSE(mild.end.forced_kill());
  io.restart();
  stubborn s;
  signalled_run hard(
      io, s.get(), [&] { return s.ready(); }, net::cancellation_type::partial);
  EXPECT_EQ(hard.end.how(), end_reason::cancelled) << hard.end.describe();
  EXPECT_TRUE(hard.end.forced_kill());
}

TEST_F(asio_await, a_terminal_cancellation_kills_at_once) {
  stubborn s;
  s.get().kill_timeout(1h);
  signalled_run run(
      io, s.get(), [&] { return s.ready(); }, net::cancellation_type::terminal);
  EXPECT_EQ(run.end.how(), end_reason::cancelled) << run.end.describe();
  EXPECT_EQ(run.end.status().signal(), SIGKILL);
}

TEST_F(asio_await, a_total_cancellation_abandons_the_wait) {
  process p("sh -c 'sleep 0.2; exit 6'");
  signalled_run run(
      io, p, [&] { return p.pid() != 0; }, net::cancellation_type::total);
  ASSERT_TRUE(run.error);
  EXPECT_THROW(std::rethrow_exception(run.error), operation_cancelled);
  EXPECT_TRUE(p.running());
  EXPECT_EQ(as_future(p.wait()).get().status().code(), 6);
}

TEST_F(asio_await, a_cancellation_reaches_a_process_inside_combinators_and_tasks) {
  process p("sleep 600");
  p.kill_timeout(1h).start();
  net::cancellation_signal signal;
  net::steady_timer timer(io);
  std::string told;
  auto work = [](process& run) -> task<std::string> {
    auto both = co_await when_all(run.run(), nothing());
    co_return std::get<0>(both).describe();
  };
  async_await(work(p),
              net::bind_cancellation_slot(
                  signal.slot(), net::bind_executor(io, [&](std::exception_ptr, std::string text) {
                    told = std::move(text);
                  })));
  std::function<void(net_error_code)> look = [&](net_error_code) {
    if (p.pid() != 0) return signal.emit(net::cancellation_type::terminal);
    timer.expires_after(1ms);
    timer.async_wait(look);
  };
  look({});
  io.run();
  EXPECT_NE(told.find("cancelled"), std::string::npos) << told;
}

TEST_F(asio_await, awaitable_operators_stop_the_loser) {
  auto work = [this]() -> net::awaitable<std::size_t> {
    net::steady_timer soon(io, 20ms);
    auto first = co_await (async_await(process("sleep 600").run(), net::use_awaitable) ||
                           soon.async_wait(net::use_awaitable));
    co_return first.index();
  };
  auto done = net::co_spawn(io, work(), net::use_future);
  io.run();
  EXPECT_EQ(done.get(), 1U);
}

TEST_F(asio_await, cancellations_race_with_ends) {
  for (int i = 0; i < 300; ++i) {
    net::cancellation_signal signal;
    int called = 0;
    async_await(sleep(std::chrono::microseconds(i % 6 * 20)),
                net::bind_cancellation_slot(
                    signal.slot(), net::bind_executor(io, [&](std::exception_ptr) { ++called; })));
    net::post(io, [&] { signal.emit(net::cancellation_type::all); });
    io.run();
    io.restart();
    EXPECT_EQ(called, 1);
    signal.emit(net::cancellation_type::all);
  }
}

}  // namespace
}  // namespace execo::test
