// asio_host: a context inside an io_context, on one thread.
#include <gtest/gtest.h>

#include <array>
#include <thread>

#include "execo/process.hpp"
#include "execo/scope.hpp"
#include "execo/start.hpp"
#include "execo/when_all.hpp"
#include "interop/asio/net.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class asio_hosted : public on_each_backend {};
EXECO_ON_EACH_BACKEND(asio_hosted);

TEST_P(asio_hosted, both_sides_progress_on_one_thread) {
  net::io_context io;
  context guest;
  asio_host host(io.get_executor(), guest);
  const auto here = std::this_thread::get_id();
  int asio_ticks = 0;
  int execo_ticks = 0;
  net::steady_timer timer(io);
  auto asio_side = [&]() -> net::awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      timer.expires_after(1ms);
      co_await timer.async_wait(net::use_awaitable);
      if (std::this_thread::get_id() == here) ++asio_ticks;
    }
    auto r = co_await async_await(guest, process("sh -c 'cat; exit 2'").input("x").run(),
                                  net::use_awaitable);
    if (r.out == "x" && r.status().code() == 2) ++asio_ticks;
  };
  auto execo_side = [&]() -> task<> {
    for (int i = 0; i < 20; ++i) {
      co_await sleep(1ms);
      if (std::this_thread::get_id() == here) ++execo_ticks;
    }
    net::local::stream_protocol::socket a(io), b(io);
    net::local::connect_pair(a, b);
    std::array<char, 4> in{};
    for (int i = 0; i < 20; ++i) {
      auto both = co_await when_all(a.async_write_some(net::buffer("ab", 2), use_execo),
                                    b.async_read_some(net::buffer(in), use_execo));
      if (std::get<1>(both) == 2) ++execo_ticks;
    }
  };
  int left = 2;
  auto one_less = [&] {
    if (--left == 0) host.close();
  };
  net::co_spawn(io, asio_side(), [&](std::exception_ptr) { one_less(); });
  auto running = start(guest, execo_side(), [&](outcome<void> end) {
    end.value();
    one_less();
  });
  io.run();
  EXPECT_EQ(asio_ticks, 21);
  EXPECT_EQ(execo_ticks, 40);
  EXPECT_TRUE(running.done());
}

TEST_P(asio_hosted, a_guest_that_is_always_busy_does_not_starve_its_host) {
  net::io_context io;
  context guest;
  asio_host host(io.get_executor(), guest);
  bool stop = false;
  auto busy = [&]() -> task<int> {
    int n = 0;
    while (!stop) {
      ++n;
      co_await sleep(0ms);
    }
    co_return n;
  };
  int steps = 0;
  auto running = start(guest, busy(), [&](outcome<int> n) {
    steps = n.value();
    host.close();
  });
  net::steady_timer timer(io, 20ms);
  timer.async_wait([&](net_error_code) { stop = true; });
  io.run();
  EXPECT_GT(steps, 0);
}

TEST_P(asio_hosted, takes_work_of_other_threads_while_idle) {
  net::io_context io;
  context guest;
  asio_host host(io.get_executor(), guest);
  int called = 0;
  std::thread other([&] {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(as_future(guest, ready(i)).get(), i);
      ++called;
    }
    guest.post([&] { host.close(); });
  });
  io.run();
  other.join();
  EXPECT_EQ(called, 50);
}

TEST_P(asio_hosted, a_host_that_goes_lets_go_of_the_guest) {
  net::io_context io;
  context guest;
  {
    asio_host host(io.get_executor(), guest);
    io.poll();
  }
  io.restart();
  io.run();
  EXPECT_EQ(sync_wait(guest, ready(4)), 4);
}

}  // namespace
}  // namespace execo::test
