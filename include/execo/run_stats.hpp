/// run_stats: counts of commands by how they ended.
#pragma once

#include <cstddef>
#include <string>

#include "execo/detail/text_of.hpp"

namespace execo {

/// Counts of commands. result::stats() makes the counts of one; add them up with +=.
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
  std::size_t errors = 0;         ///< not run, lost, or a sink failed
  std::size_t killed = 0;         ///< got a signal from execo
  std::size_t forced_kill = 0;    ///< got KILL after the grace period
  std::size_t incomplete = 0;     ///< have missing output
  std::size_t may_still_run = 0;  ///< may still run after a stop or a lost connection

  /// For people: "12 commands: 10 ok, 1 timed out, 1 error".
  std::string to_string() const;
  run_stats& operator+=(const run_stats& other) noexcept;
  friend bool operator==(const run_stats&, const run_stats&) = default;
};

}  // namespace execo
