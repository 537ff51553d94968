// The rows of bench/runtime on standalone Asio, with use_awaitable where execo awaits. Built twice:
// its io_uring backend is chosen by the preprocessor. See runtime_rows.hpp.
#include <fcntl.h>
#include <unistd.h>

#include <asio.hpp>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include "runtime_rows.hpp"

namespace {

using asio::awaitable;
using asio::use_awaitable;
using asio::posix::stream_descriptor;
using bench::stretch;

/// A timer that is pending, as there is one in any program with deadlines. Without one an
/// io_context has nothing to poll: it waits for a condition variable, and a turn of it costs no
/// system call.
class pending_timer {
 public:
  explicit pending_timer(asio::io_context& io) : timer_(io) {
    timer_.expires_after(std::chrono::hours(1));
    timer_.async_wait([](asio::error_code) {});
  }
  void cancel() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

/// Runs a coroutine to its end on the calling thread.
template <class T>
void run_on(asio::io_context& io, awaitable<T> work) {
  asio::co_spawn(io, std::move(work), asio::detached);
  io.run();
}

awaitable<int> ready(int i) { co_return i; }

void await_ready(int count, stretch& measured) {
  asio::io_context io(1);
  long sum = 0;
  auto work = [&]() -> awaitable<void> {
    measured.begin();
    for (int i = 0; i < count; ++i) sum += co_await ready(1);
    measured.end();
  };
  run_on(io, work());
  bench::expect(sum == count);
}

awaitable<void> turn_often(asio::io_context& io, int count) {
  for (int i = 0; i < count; ++i) co_await asio::post(io, use_awaitable);
}

void await_turn(int count, stretch& measured) {
  asio::io_context io(1);
  pending_timer other(io);
  auto work = [&]() -> awaitable<void> {
    measured.begin();
    co_await turn_often(io, count);
    measured.end();
    other.cancel();
  };
  run_on(io, work());
}

void await_turn_many(int count, stretch& measured) {
  asio::io_context io(1);
  pending_timer other(io);
  int left = 128;
  for (int i = 0; i < 128; ++i)
    asio::co_spawn(io, turn_often(io, count / 128), [&](std::exception_ptr) {
      if (--left == 0) other.cancel();
    });
  measured.begin();
  io.run();
  measured.end();
}

struct pipe_ends {
  explicit pipe_ends(asio::io_context& io) : out(io), in(io) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category());
    out.assign(ends[0]);
    in.assign(ends[1]);
  }
  stream_descriptor out;
  stream_descriptor in;
};

awaitable<void> ball(int rounds, stream_descriptor& in, stream_descriptor& out, bool serves) {
  char c = 'x';
  for (int i = 0; i < rounds; ++i) {
    if (serves) co_await out.async_write_some(asio::buffer(&c, 1), use_awaitable);
    co_await in.async_read_some(asio::buffer(&c, 1), use_awaitable);
    if (!serves) co_await out.async_write_some(asio::buffer(&c, 1), use_awaitable);
  }
}

void ping_pong(int count, int pairs, stretch& measured) {
  asio::io_context io(1);
  std::deque<pipe_ends> there, back;
  const int rounds = count / pairs / 2;
  for (int i = 0; i < pairs; ++i) {
    there.emplace_back(io);
    back.emplace_back(io);
    asio::co_spawn(io, ball(rounds, back.back().out, there.back().in, true), asio::detached);
    asio::co_spawn(io, ball(rounds, there.back().out, back.back().in, false), asio::detached);
  }
  measured.begin();
  io.run();
  measured.end();
}

void ping_pong_2(int count, stretch& measured) { ping_pong(count, 1, measured); }
void ping_pong_128(int count, stretch& measured) { ping_pong(count, 64, measured); }

void drain(int count, stretch& measured) {
  asio::io_context io(1);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category());
  stream_descriptor out(io, ends[0]);
  std::thread writer([&] { bench::write_blocks(ends[1], count); });
  long sum = 0;
  auto work = [&]() -> awaitable<void> {
    std::vector<char> into(bench::block_bytes);
    measured.begin();
    for (;;) {
      asio::error_code error;
      const std::size_t n = co_await out.async_read_some(
          asio::buffer(into), asio::redirect_error(use_awaitable, error));
      if (error || n == 0) break;
      sum += static_cast<long>(n);
    }
    measured.end();
  };
  run_on(io, work());
  bench::expect(sum == long{bench::block_bytes} * count);
  writer.join();
}

// The handlers of what was cancelled are part of the cancel: they run before the object is free.
void timers(int count, stretch* arm, stretch* cancel) {
  asio::io_context io(1);
  std::deque<asio::steady_timer> all;
  for (int i = 0; i < count; ++i) all.emplace_back(io);
  int cancelled = 0;
  bench::deadline_times times;
  if (arm != nullptr) arm->begin();
  for (auto& t : all) {
    t.expires_after(std::chrono::milliseconds(times.next()));
    t.async_wait([&](asio::error_code error) { cancelled += error ? 1 : 0; });
  }
  if (arm != nullptr) arm->end();
  if (cancel != nullptr) cancel->begin();
  for (auto& t : all) t.cancel();
  io.run();
  if (cancel != nullptr) cancel->end();
  bench::expect(cancelled == count);
}

void timer_arm(int count, stretch& measured) { timers(count, &measured, nullptr); }
void timer_cancel(int count, stretch& measured) { timers(count, nullptr, &measured); }

class hopper {
 public:
  hopper(int count, asio::io_context& here, asio::io_context& there)
      : left_(count), here_(here), there_(there) {}
  void go() {
    if (left_-- == 0) {
      there_.stop();
      here_.stop();
      return;
    }
    asio::post(there_, [this] { asio::post(here_, [this] { go(); }); });
  }

 private:
  int left_;
  asio::io_context& here_;
  asio::io_context& there_;
};

void hop(int count, stretch& measured) {
  asio::io_context here(1), there(1);
  pending_timer other_here(here), other_there(there);
  auto keep_here = asio::make_work_guard(here);
  auto keep_there = asio::make_work_guard(there);
  std::thread other([&] { there.run(); });
  hopper h(count, here, there);
  asio::post(here, [&] { h.go(); });
  measured.begin();
  here.run();
  measured.end();
  other.join();
}

awaitable<int> after_nothing(int i) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::nanoseconds(0));
  co_await timer.async_wait(use_awaitable);
  co_return i;
}

// Asio 1.22 has no when_all of a range: every child is spawned, and the last one ends the run.
template <class Child>
void all_of(int count, Child child, stretch& measured) {
  asio::io_context io(1);
  measured.begin();
  for (int done = 0; done < count; done += bench::many) {
    std::vector<int> values(bench::many, -1);
    for (int i = 0; i < bench::many; ++i)
      asio::co_spawn(io, child(i), [&values, i](std::exception_ptr error, int value) {
        if (!error) values[static_cast<std::size_t>(i)] = value;
      });
    io.restart();
    io.run();
    bench::expect(values.back() == bench::many - 1);
  }
  measured.end();
}

void all_ready(int count, stretch& measured) { all_of(count, &ready, measured); }
void all_sleeping(int count, stretch& measured) { all_of(count, &after_nothing, measured); }

const bench::row_entry rows[] = {
    {"ready", &await_ready},   {"turn", &await_turn},           {"turn128", &await_turn_many},
    {"pipe2", &ping_pong_2},   {"pipe128", &ping_pong_128},     {"drain", &drain},
    {"arm", &timer_arm},       {"cancel", &timer_cancel},       {"hop", &hop},
    {"all-ready", &all_ready}, {"all-sleeping", &all_sleeping},
};

}  // namespace

int main(int argc, char** argv) { return bench::run_row(rows, argc, argv); }
