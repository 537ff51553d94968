#include "weather.hpp"

#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "execo/scope.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"

namespace execo::test {
namespace {}  // namespace

std::uint64_t storm_seed() {
  const char* given = std::getenv("EXECO_STORM_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

storm_length::storm_length(double seconds) {
  if (const char* given = std::getenv("EXECO_STORM_STOPS")) stops_ = std::atol(given);
  if (const char* given = std::getenv("EXECO_STORM_SECONDS")) seconds = std::atof(given);
  until_ = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                  std::chrono::duration<double>(seconds));
}

bool storm_length::reached(long stops) const {
  return stops_ > 0 ? stops >= stops_ : std::chrono::steady_clock::now() >= until_;
}

/// Counts a coroutine in and out.
class weather::visit {
 public:
  explicit visit(weather& w) : w_(w) { ++w_.entered_; }
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  ~visit() { ++w_.left_; }

 private:
  weather& w_;
};

task<int> weather::any(int depth) {
  visit counted(*this);
  switch (depth == 0 ? 0 : random_() % 9) {
    case 0:
    case 1:
    case 2:
      co_await leaf();
      break;
    case 3:
    case 4:
      co_await when_any(any(depth - 1), any(depth - 1), any(depth - 1));
      break;
    case 5:
      co_await when_all(any(depth - 1), any(depth - 1));
      break;
    case 6:
      co_await timeout(any(depth - 1), short_time());
      break;
    case 7:
      co_await range(depth);
      break;
    default:
      co_await scoped(depth);
      break;
  }
  co_return 0;
}

task<> weather::until_stopped(std::stop_token token, int depth) {
  try {
    co_await with_stop(any(depth), std::move(token));
  } catch (const operation_cancelled&) {
  }
}

task<> weather::forest(const storm_length& length, long most) {
  while (!length.reached(stops_.sum()) && stops_.sum() < most) {
    std::vector<task<int>> all;
    for (int i = 0; i < 30; ++i) all.push_back(any(3));
    try {
      auto values = co_await timeout(when_all(std::move(all)), short_time() * 10);
    } catch (const operation_cancelled&) {
    }
  }
}

task<> weather::leaf() {
  visit counted(*this);
  const auto drawn = random_() % 512;
  if (drawn < 16) {
    co_await one_process();
  } else if (drawn < 19 && make_remote_) {
    co_await one_remote();
  } else if (drawn < 64) {
    co_await stubborn();
  } else if (drawn < 160) {
    co_await lonely_read();
  } else if (drawn < 224) {
    co_await blocked_write();
  } else if (drawn < 288) {
    co_await pipe_pair();
  } else if (drawn < 480) {
    co_await watched_sleep(short_time());
  }
}

task<> weather::watched_sleep(duration delay) {
  bool stopped = false;
  ++awaited_;
  try {
    co_await sleep(delay);
  } catch (const operation_cancelled&) {
    stopped = true;
  }
  ++resumed_;
  if (!stopped) co_return;
  ++stops_.timers;
  throw operation_cancelled();
}

// Goes on for a while although it may have been stopped.
task<> weather::stubborn() {
  visit counted(*this);
  for (int i = 0; i < 2; ++i) {
    try {
      co_await watched_sleep(short_time() * 2);
    } catch (const operation_cancelled&) {
    }
  }
}

task<> weather::lonely_read() {
  visit counted(*this);
  pipe_ends p(*detail::loop::current());
  long got = 0;
  auto read = co_await timeout(take(p.out.get(), got), short_time());
  EXPECT_FALSE(read && got > 0) << "a byte from nowhere";
}

task<> weather::blocked_write() {
  visit counted(*this);
  pipe_ends p(*detail::loop::current());
  const int room = ::fcntl(p.in.get(), F_SETPIPE_SZ, 4096);
  const std::string filling(static_cast<std::size_t>(room), 'x');
  EXPECT_EQ(::write(p.in.get(), filling.data(), filling.size()), room);
  long put = 0;
  co_await timeout(give(p.in.get(), put), short_time());
  EXPECT_EQ(put, 0);
}

// A stop loses no byte: what was written has been read or is still there.
task<> weather::pipe_pair() {
  visit counted(*this);
  pipe_ends p(*detail::loop::current());
  long got = 0, put = 0;
  bool stopped = false;
  try {
    co_await when_all(take(p.out.get(), got), give(p.in.get(), put), give(p.in.get(), put));
  } catch (const operation_cancelled&) {
    stopped = true;
  }
  int left = 0;
  EXPECT_EQ(::ioctl(p.out.get(), FIONREAD, &left), 0);
  EXPECT_EQ(put, got + left);
  if (stopped) throw operation_cancelled();
}

task<> weather::take(int fd, long& got) {
  visit counted(*this);
  std::array<char, 64> buffer;
  bool stopped = false;
  ++awaited_;
  try {
    const int n = co_await read_some(fd, buffer.data(), buffer.size());
    EXPECT_GT(n, 0);
    got += n;
  } catch (const operation_cancelled&) {
    stopped = true;
  }
  ++resumed_;
  if (!stopped) co_return;
  ++stops_.reads;
  throw operation_cancelled();
}

task<> weather::give(int fd, long& put) {
  visit counted(*this);
  if (random_() % 2 == 0) co_await watched_sleep(short_time() / 4);
  bool stopped = false;
  ++awaited_;
  try {
    const int n = co_await write_some(fd, "word", 4);
    EXPECT_EQ(n, 4);
    put += n;
  } catch (const operation_cancelled&) {
    stopped = true;
  }
  ++resumed_;
  if (!stopped) co_return;
  ++stops_.writes;
  throw operation_cancelled();
}

task<> weather::watched_run(process& p) {
  visit counted(*this);
  ++awaited_;
  result r = co_await p.run();
  ++resumed_;
  if (r.how() == end_reason::cancelled) ++stops_.processes;
}

task<> weather::one_process() {
  visit counted(*this);
  process p(random_() % 2 == 0 ? "true" : "sleep 60");
  switch (random_() % 4) {
    case 0: {
      co_await timeout(watched_run(p), short_time() * 5);
      break;
    }
    case 1:  // the last handle goes while it runs
      p.start();
      co_await watched_sleep(short_time() * 3);
      break;
    case 2: {
      p.start();
      auto first = co_await when_any(timeout(p.wait(), short_time()), p.wait(), p.wait());
      EXPECT_LT(first.index, 3U);
      break;
    }
    default: {
      p.start();
      auto waited = co_await timeout(p.wait(), short_time());
      p.kill(random_() % 2 == 0 ? SIGTERM : SIGKILL);
      co_await watched_run(p);
      EXPECT_FALSE(p.running());
      break;
    }
  }
}

task<> weather::watched_run(remote& up) {
  visit counted(*this);
  ++awaited_;
  action_result all = co_await up.run();
  ++resumed_;
  const auto& stats = all.stats();
  EXPECT_EQ(stats.done, stats.hosts);
  stops_.remotes += static_cast<long>(stats.count(end_reason::cancelled)) +
                    static_cast<long>(stats.count(end_reason::not_started));
}

task<> weather::one_remote() {
  visit counted(*this);
  remote up = make_remote_(random_());
  // From the first step of the connection to the middle of the command.
  const auto limit = std::chrono::microseconds(random_() % 40'000);
  co_await timeout(watched_run(up), limit);
}

task<> weather::range(int depth) {
  visit counted(*this);
  std::vector<task<int>> all;
  for (std::uint64_t n = random_() % 5; n > 0; --n) all.push_back(any(depth - 1));
  if (random_() % 2 == 0 || all.empty()) {
    auto values = co_await when_all(std::move(all));
  } else {
    auto first = co_await when_any(std::move(all));
    EXPECT_LT(first.index, 5U);
  }
}

task<> weather::scoped(int depth) {
  visit counted(*this);
  scope s;
  for (std::uint64_t n = random_() % 4; n > 0; --n) s.spawn(any(depth - 1));
  if (random_() % 3 == 0) s.request_stop();
  co_await s.join();
}

std::string weather::told() const {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - born_;
  char text[320];
  std::snprintf(text, sizeof text,
                "storm: EXECO_STORM_SEED=%llu: %ld stops (%ld timers, %ld reads, %ld writes, %ld "
                "processes, %ld ssh) among %ld operations, each resumed once: %s; %ld coroutines; "
                "%.1f s",
                static_cast<unsigned long long>(seed_), stops_.sum(), stops_.timers, stops_.reads,
                stops_.writes, stops_.processes, stops_.remotes, awaited_, calm() ? "yes" : "NO",
                entered_, took.count());
  return text;
}

}  // namespace execo::test
