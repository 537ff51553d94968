// A storm: trees of operations grown at random, stopped at random points. It counts every coroutine
// that is entered and left, every operation that is awaited and resumed, and those that a stop
// ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <stop_token>
#include <string>

#include "execo/process.hpp"
#include "execo/remote.hpp"
#include "execo/sleep.hpp"
#include "execo/task.hpp"
#include "pipe_io.hpp"

namespace execo::test {

/// EXECO_STORM_SEED, or one by chance.
std::uint64_t storm_seed();

/// How long a storm lasts: EXECO_STORM_STOPS operations ended by a stop if that is set, else
/// EXECO_STORM_SECONDS, else `seconds`.
class storm_length {
 public:
  explicit storm_length(double seconds);
  bool reached(long stops) const;

 private:
  long stops_ = 0;
  std::chrono::steady_clock::time_point until_;
};

/// Operations that a stop ended, before they began or while they waited.
class stop_counts {
 public:
  stop_counts() = default;
  long timers = 0;
  long reads = 0;
  long writes = 0;
  long processes = 0;
  long remotes = 0;
  long sum() const { return timers + reads + writes + processes + remotes; }
};

class weather {
 public:
  explicit weather(std::uint64_t seed) : seed_(seed), random_(seed) {}
  weather(const weather&) = delete;
  weather& operator=(const weather&) = delete;

  /// Lets some leaves be commands on ssh hosts, made by this.
  void add_remotes(std::function<remote(std::uint64_t)> make) { make_remote_ = std::move(make); }

  /// A tree. Gives a value, or throws operation_cancelled after a stop.
  task<int> any(int depth);
  /// A tree of its own for a token: what it throws is not its business.
  task<> until_stopped(std::stop_token token, int depth);
  /// Thirty trees at a time under one deadline, again and again until the length is reached, or
  /// this many stops in all.
  task<> forest(const storm_length& length, long most = std::numeric_limits<long>::max());

  duration short_time() { return std::chrono::microseconds(random_() % 600); }
  std::uint64_t draw() { return random_(); }
  const stop_counts& stops() const { return stops_; }
  /// Everything entered was left and everything awaited resumed, once.
  bool calm() const { return entered_ == left_ && awaited_ == resumed_; }
  /// For people, and for whoever wants to see it again.
  std::string told() const;

 private:
  class visit;

  task<> leaf();
  task<> watched_sleep(duration delay);
  task<> stubborn();
  task<> lonely_read();
  task<> blocked_write();
  task<> pipe_pair();
  task<> take(int fd, long& got);
  task<> give(int fd, long& put);
  task<> one_process();
  task<> watched_run(process& p);
  task<> one_remote();
  task<> watched_run(remote& up);
  task<> range(int depth);
  task<> scoped(int depth);

  std::uint64_t seed_;
  std::mt19937_64 random_;
  std::function<remote(std::uint64_t)> make_remote_;
  std::chrono::steady_clock::time_point born_ = std::chrono::steady_clock::now();
  stop_counts stops_;
  long entered_ = 0;
  long left_ = 0;
  long awaited_ = 0;
  long resumed_ = 0;
};

}  // namespace execo::test
