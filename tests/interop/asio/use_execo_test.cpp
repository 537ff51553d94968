// use_execo: Asio's operations inside execo's coroutines.
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <thread>

#include "execo/process.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "interop/asio/net.hpp"
#include "interop/coroutine_types.hpp"
#include "unit/coro/probe.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class asio_use_execo : public ::testing::Test {
 protected:
  io_thread asio;
};

TEST_F(asio_use_execo, gives_what_the_operation_gives) {
  auto work = [this]() -> task<int> {
    const auto home = std::this_thread::get_id();
    net::steady_timer timer(asio.io, 1ms);
    co_await timer.async_wait(use_execo);
    int sum = std::this_thread::get_id() == home ? 1 : 0;
    net::local::stream_protocol::socket a(asio.io), b(asio.io);
    net::local::connect_pair(a, b);
    std::array<char, 8> in{};
    auto out = net::buffer("hello", 5);
    auto both = co_await when_all(a.async_write_some(out, use_execo),
                                  b.async_read_some(net::buffer(in), use_execo));
    if (std::get<0>(both) == 5 && std::get<1>(both) == 5) sum += 10;
    if (std::string(in.data(), 5) == "hello") sum += 100;
    co_await net::post(asio.io, use_execo);
    if (std::this_thread::get_id() == home) sum += 1'000;
    co_return sum;
  };
  EXPECT_EQ(sync_wait(work()), 1'111);
}

TEST_F(asio_use_execo, throws_error_codes) {
  auto work = [this]() -> task<bool> {
    net::local::stream_protocol::socket a(asio.io), b(asio.io);
    net::local::connect_pair(a, b);
    b.close();
    std::array<char, 8> in{};
    try {
      co_await net::async_read(a, net::buffer(in), use_execo);
    } catch (const net_system_error& e) {
      co_return e.code() == net::error::eof;
    }
    co_return false;
  };
  EXPECT_TRUE(sync_wait(work()));
}

TEST_F(asio_use_execo, gives_errors_as_values_on_request) {
  auto work = [this]() -> task<bool> {
    net::steady_timer timer(asio.io, 1ms);
    auto ended = co_await timer.async_wait(as_tuple(use_execo));
    co_return !std::get<0>(ended);
  };
  EXPECT_TRUE(sync_wait(work()));
}

TEST_F(asio_use_execo, a_stop_cancels_the_operation_and_joins_it) {
  auto work = [this]() -> task<std::size_t> {
    net::steady_timer never(asio.io, forever);
    net::local::stream_protocol::socket a(asio.io), b(asio.io);
    net::local::connect_pair(a, b);
    std::array<char, 8> in{};
    auto first = co_await when_any(never.async_wait(use_execo),
                                   net::async_read(a, net::buffer(in), use_execo), sleep(5ms));
    auto late = co_await timeout(never.async_wait(use_execo), 1ms);
    co_return first.index + (late ? 10U : 0U);
  };
  EXPECT_EQ(sync_wait(work()), 2U);
}

TEST_F(asio_use_execo, a_stop_throws_operation_cancelled) {
  std::stop_source source;
  auto work = [&]() -> task<bool> {
    net::steady_timer never(asio.io, forever);
    auto wait = never.async_wait(use_execo);
    auto stops = [&]() -> task<> {
      source.request_stop();
      co_return;
    };
    try {
      co_await when_all(with_stop(std::move(wait), source.get_token()), stops());
    } catch (const operation_cancelled&) {
      co_return true;
    }
    co_return false;
  };
  EXPECT_TRUE(sync_wait(work()));
  // Before it began.
  EXPECT_TRUE(sync_wait(work()));
}

TEST_F(asio_use_execo, a_foreign_coroutine_with_a_token_awaits_and_stops_it) {
  context c;
  std::thread drives([&] { c.run(); });
  std::stop_source source;
  std::promise<with_env<bool>> made;
  auto work = [this](own_token) -> with_env<bool> {
    net::steady_timer soon(asio.io, 1ms);
    co_await soon.async_wait(use_execo);
    net::steady_timer never(asio.io, forever);
    try {
      co_await never.async_wait(use_execo);
    } catch (const operation_cancelled&) {
      co_return true;
    }
    co_return false;
  };
  c.post([&] { made.set_value(work(own_token(source.get_token()))); });
  auto running = made.get_future().get();
  source.request_stop();
  bool stopped = false;
  try {
    stopped = running.get();
  } catch (const operation_cancelled&) {
    stopped = true;  // the request came during the first wait
  }
  EXPECT_TRUE(stopped);
  c.stop();
  drives.join();
}

TEST_F(asio_use_execo, an_io_context_that_is_destroyed_ends_the_wait) {
  auto work = [](net::steady_timer& timer) -> task<bool> {
    try {
      co_await timer.async_wait(use_execo);
    } catch (const operation_cancelled&) {
      co_return true;
    }
    co_return false;
  };
  context c;
  auto io = std::make_unique<net::io_context>();
  auto timer = std::make_unique<net::steady_timer>(*io, forever);
  auto destroys = [&]() -> task<> {
    io->poll();
    // A timer that goes cancels its wait; the handler is never run, only dropped with its context.
    timer.reset();
    io.reset();
    co_return;
  };
  auto both = [&]() -> task<bool> {
    auto ended = co_await when_all(work(*timer), destroys());
    co_return std::get<0>(ended);
  };
  EXPECT_TRUE(sync_wait(c, both()));
}

TEST_F(asio_use_execo, stops_race_with_ends) {
  auto work = [this]() -> task<int> {
    int done = 0;
    for (int i = 0; i < 400; ++i) {
      net::steady_timer timer(asio.io, std::chrono::microseconds(i % 5 * 20));
      auto end = co_await timeout(timer.async_wait(use_execo), std::chrono::microseconds(50));
      done += end ? 1 : 1;
    }
    co_return done;
  };
  EXPECT_EQ(sync_wait(work()), 400);
}

}  // namespace
}  // namespace execo::test
