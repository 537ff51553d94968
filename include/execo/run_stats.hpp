/// run_stats: how many commands ended how.
#pragma once

#include <cstddef>
#include <string>

#include "execo/detail/text_of.hpp"

namespace execo {

/// Counts over commands. One result is result::stats(); add them up with +=.
class run_stats {
 public:
  run_stats() = default;

  std::size_t commands = 0;
  std::size_t started = 0;  ///< were run
  std::size_t ok = 0;
  std::size_t non_zero = 0;       ///< exited with another code than 0
  std::size_t signaled = 0;       ///< ended by a signal
  std::size_t timed_out = 0;      ///< ended by a deadline
  std::size_t cancelled = 0;      ///< ended by a stop
  std::size_t errors = 0;         ///< not run, lost, or with output that a sink did not take
  std::size_t killed = 0;         ///< got a signal from here
  std::size_t forced_kill = 0;    ///< got KILL after the grace period
  std::size_t incomplete = 0;     ///< have output that was cut short
  std::size_t may_still_run = 0;  ///< were to be ended, or were lost sight of, and may run on

  /// For people: "12 commands: 10 ok, 1 timed out, 1 error".
  std::string to_string() const;
  run_stats& operator+=(const run_stats& other) noexcept;
  friend bool operator==(const run_stats&, const run_stats&) = default;
};

}  // namespace execo
