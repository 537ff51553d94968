// Small awaitables whose life a test can watch.
#pragma once

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "execo/context.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"

namespace execo::test {

/// Counts how operations begin and end.
struct tally {
  int begun = 0;
  int finished = 0;
  int stopped = 0;
  int alive = 0;
};

/// Long enough that only a stop ends it.
constexpr auto forever = std::chrono::hours(1);

/// A value that cannot be copied, nor made from nothing.
class parcel {
 public:
  explicit parcel(int n) : value_(std::make_unique<int>(n)) {}
  int value() const { return *value_; }

 private:
  std::unique_ptr<int> value_;
};

/// Sleeps; tells whether it was let through or stopped.
inline task<int> sleeper(tally& t, duration delay, int value) {
  struct guard {
    explicit guard(tally& counts) : mine(counts) { ++mine.alive; }
    guard(const guard&) = delete;
    guard& operator=(const guard&) = delete;
    ~guard() { --mine.alive; }
    tally& mine;
  };
  guard living(t);
  ++t.begun;
  try {
    co_await sleep(delay);
  } catch (const operation_cancelled&) {
    ++t.stopped;
    throw;
  }
  ++t.finished;
  co_return value;
}

inline task<int> ready(int value) { co_return value; }

inline task<> nothing() { co_return; }

inline task<int> failing(std::string text, duration delay) {
  if (delay.count() > 0) co_await sleep(delay);
  throw std::runtime_error(text);
}

}  // namespace execo::test
