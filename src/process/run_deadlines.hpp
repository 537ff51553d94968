// The deadlines of one run: one from the first phase to the end of authentication, one for the
// command, and one for each phase before it runs.
#pragma once

#include <cstdint>

#include "execo/connection.hpp"
#include "execo/status.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class run_deadlines {
 public:
  /// `expired` is called from the loop.
  run_deadlines(loop& on, const deadlines& limits, delegate<> expired);

  /// `run_timeout`: the command's own, from `open` on; 0: none.
  void enter(phase where, duration run_timeout);
  void disarm() noexcept;

 private:
  class deadline {
   public:
    deadline(loop& on, delegate<> expired, const char* what) noexcept
        : loop_(on), timer_(expired, what) {}
    /// 0: none.
    void arm(duration limit) noexcept;
    void disarm() noexcept { loop_.disarm(timer_); }
    /// It has expired while the loop was held up, and begins again: the peer had no chance.
    bool begins_again() noexcept;

   private:
    loop& loop_;
    deadline_timer timer_;
    duration limit_{0};
    clock::duration held_up_before_{0};
  };
  enum class part : std::uint8_t { none, establishing, command };

  duration limit_of(phase where) const noexcept;
  void on_whole();
  void on_phase();

  deadlines limits_;
  delegate<> expired_;
  deadline whole_;  // establishing, then the command's own
  deadline phase_;
  part part_ = part::none;
};

}  // namespace execo::detail
