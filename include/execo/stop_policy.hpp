/// stop_policy: the signals that end a command, and the grace period of each.
#pragma once

#include <chrono>
#include <csignal>
#include <vector>

#include "execo/time.hpp"

namespace execo {

/// The steps in which a command is ended: `stop_policy().then(SIGINT, 2s).then(SIGTERM, 5s)`.
///
/// Each signal is sent after the grace period of the one before. KILL follows the last step: it
/// need not be named, and nothing may follow it. An empty policy: TERM, KILL after kill_timeout.
class stop_policy {
 public:
  /// One signal and its grace period.
  class step {
   public:
    step(int number, duration time) noexcept : signal(number), patience(time) {}
    int signal;
    duration patience;
  };

  stop_policy() = default;

  /// Adds a signal with a grace period; 0 or less: the next signal follows at once.
  /// Throws: std::invalid_argument for a number that is not a signal, and after KILL.
  stop_policy& then(int signal, duration grace_period) &;
  stop_policy&& then(int signal, duration grace_period) &&;
  /// Adds the last signal. One that is not KILL has 5 s before KILL follows.
  /// Throws: as above.
  stop_policy& then(int signal) &;
  stop_policy&& then(int signal) &&;

  const std::vector<step>& steps() const noexcept { return steps_; }
  bool empty() const noexcept { return steps_.empty(); }

 private:
  std::vector<step> steps_;
};

}  // namespace execo
