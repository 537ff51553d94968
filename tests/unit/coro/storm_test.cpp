// Stops at random points over timers, processes and nested combinators. Every awaiter resumes
// exactly once, and nothing is left. A seed that fails is printed; EXECO_STORM_SEED repeats it,
// EXECO_STORM_SECONDS lengthens it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <stop_token>
#include <thread>

#include "execo/process.hpp"
#include "execo/scope.hpp"
#include "execo/timeout.hpp"
#include "execo/when_all.hpp"
#include "execo/when_any.hpp"
#include "unit/coro/probe.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

/// A tree of operations grown at random. Counts every coroutine that is entered and left.
class weather {
 public:
  explicit weather(std::uint64_t seed) : random_(seed) {}
  weather(const weather&) = delete;
  weather& operator=(const weather&) = delete;

  task<int> any(int depth) {
    ++entered_;
    auto counted = leave_on_exit(left_);
    switch (depth == 0 ? random_() % 4 : random_() % 10) {
      case 0:
        co_await sleep(short_time());
        break;
      case 1:
        co_return 1;
      case 2:
        co_await swallow(depth);
        break;
      case 3:
        co_await one_process();
        break;
      case 4:
      case 5:
        co_await when_any(any(depth - 1), any(depth - 1), any(depth - 1));
        break;
      case 6:
        co_await when_all(any(depth - 1), any(depth - 1));
        break;
      case 7:
        co_await timeout(any(depth - 1), short_time());
        break;
      case 8:
        co_await range(depth);
        break;
      default:
        co_await scoped(depth);
        break;
    }
    co_return 0;
  }

  long entered() const { return entered_; }
  long left() const { return left_; }
  duration short_time() { return std::chrono::microseconds(random_() % 600); }
  std::uint64_t draw() { return random_(); }

 private:
  class leave {
   public:
    explicit leave(long& n) : n_(n) {}
    leave(const leave&) = delete;
    leave& operator=(const leave&) = delete;
    ~leave() { ++n_; }

   private:
    long& n_;
  };
  static leave leave_on_exit(long& n) { return leave(n); }

  task<> swallow(int) {
    try {
      co_await sleep(short_time() * 4);
    } catch (const operation_cancelled&) {
    }
    // Goes on for a while although it may have been stopped.
    co_await nothing();
  }

  task<> one_process() {
    if (random_() % 8 != 0) {
      co_await sleep(short_time());
      co_return;
    }
    process p(random_() % 2 == 0 ? "true" : "sleep 60");
    switch (random_() % 4) {
      case 0: {
        auto r = co_await timeout(p.run(), short_time() * 5);
        break;
      }
      case 1:
        p.start();
        co_await sleep(short_time() * 3);
        break;
      case 2: {
        p.start();
        auto first = co_await when_any(p.wait(), p.run(), p.wait());
        EXPECT_FALSE(p.running()) << first.index;
        break;
      }
      default: {
        p.start();
        auto r = co_await timeout(p.wait(), short_time());
        p.kill(random_() % 2 == 0 ? SIGTERM : SIGKILL);
        auto end = co_await p.run();
        break;
      }
    }
  }

  task<> range(int depth) {
    std::vector<task<int>> all;
    for (std::uint64_t n = random_() % 5; n > 0; --n) all.push_back(any(depth - 1));
    if (random_() % 2 == 0 || all.empty()) {
      auto values = co_await when_all(std::move(all));
    } else {
      auto first = co_await when_any(std::move(all));
      EXPECT_LT(first.index, 5U);
    }
  }

  task<> scoped(int depth) {
    scope s;
    for (std::uint64_t n = random_() % 4; n > 0; --n) s.spawn(any(depth - 1));
    if (random_() % 3 == 0) s.request_stop();
    co_await s.join();
  }

  std::mt19937_64 random_;
  long entered_ = 0;
  long left_ = 0;
};

std::uint64_t storm_seed() {
  const char* given = std::getenv("EXECO_STORM_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
}

std::chrono::duration<double> storm_length() {
  const char* given = std::getenv("EXECO_STORM_SECONDS");
  return std::chrono::duration<double>(given != nullptr ? std::atof(given) : 3);
}

class storm : public on_each_backend {};
EXECO_ON_EACH_BACKEND(storm);

// "sleep 60" ended by a stop of run() that swallow()s nothing: how the storm ends is not its
// business, only that it does, and that each coroutine that began has been left.
task<> one_tree(weather& w, std::stop_token token) {
  try {
    co_await with_stop(w.any(4), std::move(token));
  } catch (const operation_cancelled&) {
  }
}

TEST_P(storm, stops_at_random_points_leave_nothing) {
  const auto seed = storm_seed();
  SCOPED_TRACE("EXECO_STORM_SEED=" + std::to_string(seed));
  weather w(seed);
  context c;
  const auto until = std::chrono::steady_clock::now() + storm_length();
  int trees = 0;
  while (std::chrono::steady_clock::now() < until) {
    std::stop_source source;
    auto both = [&]() -> task<> {
      auto stopper = [&]() -> task<> {
        co_await sleep(w.short_time() * 3);
        source.request_stop();
      };
      co_await when_all(one_tree(w, source.get_token()), stopper());
    };
    sync_wait(c, both());
    ++trees;
    ASSERT_EQ(w.entered(), w.left()) << "seed " << seed << " tree " << trees;
  }
  RecordProperty("trees", trees);
  EXPECT_GT(w.entered(), trees);
}

TEST_P(storm, stops_from_another_thread_leave_nothing) {
  const auto seed = storm_seed();
  SCOPED_TRACE("EXECO_STORM_SEED=" + std::to_string(seed));
  weather w(seed);
  std::mt19937_64 times(seed + 1);
  context c;
  const auto until = std::chrono::steady_clock::now() + storm_length();
  int trees = 0;
  while (std::chrono::steady_clock::now() < until) {
    std::stop_source source;
    const auto delay = std::chrono::microseconds(times() % 1'500);
    std::thread stopper([&] {
      std::this_thread::sleep_for(delay);
      source.request_stop();
    });
    sync_wait(c, one_tree(w, source.get_token()));
    stopper.join();
    ++trees;
    ASSERT_EQ(w.entered(), w.left()) << "seed " << seed << " tree " << trees;
  }
  EXPECT_GT(w.entered(), trees);
}

TEST_P(storm, many_trees_share_one_context) {
  const auto seed = storm_seed();
  SCOPED_TRACE("EXECO_STORM_SEED=" + std::to_string(seed));
  weather w(seed);
  const auto until = std::chrono::steady_clock::now() + storm_length();
  auto forest = [&]() -> task<> {
    while (std::chrono::steady_clock::now() < until) {
      std::vector<task<int>> all;
      for (int i = 0; i < 30; ++i) all.push_back(w.any(3));
      try {
        auto r = co_await timeout(when_all(std::move(all)), w.short_time() * 10);
      } catch (const operation_cancelled&) {
      }
    }
  };
  sync_wait(forest());
  EXPECT_EQ(w.entered(), w.left());
}

}  // namespace
}  // namespace execo::test
