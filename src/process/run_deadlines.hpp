// The deadlines of one run: one from the first phase to the end of authentication, one for the
// command, one for each phase before it runs, and then one for its silence, and one for all of it.
#pragma once

#include <cstdint>
#include <memory>

#include "execo/connection.hpp"
#include "execo/status.hpp"
#include "loop/loop.hpp"
#include "loop/user_pause.hpp"

namespace execo::detail {

class run_deadlines {
 public:
  /// Both are called from the loop. `expired_in`: the command has written nothing for as long as
  /// it may in that phase, first_output or idle, or the time for all phases is over, total.
  run_deadlines(loop& on, const deadlines& limits, delegate<> expired, delegate<phase> expired_in);

  /// Before the first phase. `total`: from now to the end of the command; 0: none.
  void begin(duration total);
  /// `run_timeout`: the command's own, from `open` on; 0: none.
  void enter(phase where, duration run_timeout);
  /// Until the next phase none runs but that of all phases.
  void suspend() noexcept;
  /// The command runs, and is to write within these times; 0: none. `unread`, here and below: how
  /// long its output could not be read so far, for no fault of its own or its reader's.
  void expect_output(duration first, duration idle, clock::duration unread);
  bool expects_output() const noexcept { return silence_ != silence::unlimited; }
  /// Pre: expects_output().
  void note_output(clock::duration unread) noexcept {
    silence_ = silence::after_output;
    note_reading(unread);
  }
  /// Its output was not read until now. Pre: expects_output().
  void note_reading(clock::duration unread) noexcept {
    silent_since_ = loop_.now();
    unread_before_ = unread_ = unread;
  }
  /// Instead of ending a command whose output is not read.
  void excuse_silence() noexcept;
  /// The same for time in which it could not be read. False: it was silent for long enough besides.
  bool excuse(clock::duration unread) noexcept;
  void disarm() noexcept;

 private:
  class deadline {
   public:
    deadline(loop& on, delegate<> expired, const char* what) noexcept
        : loop_(on), timer_(expired, what) {}
    /// 0: none.
    void arm(duration limit) noexcept;
    void disarm() noexcept { loop_.disarm(timer_); }
    /// If it is armed, what is left is kept for go_on().
    void suspend() noexcept;
    void go_on() noexcept;
    /// It has expired while the loop was held up, and begins again: the peer had no chance. So it
    /// does for the time in which the user was asked.
    bool begins_again() noexcept;

   private:
    clock::duration asked_so_far() const noexcept;
    clock::duration take_lost() noexcept;
    void arm_for(clock::duration time) noexcept;

    loop& loop_;
    deadline_timer timer_;
    duration limit_{0};
    clock::duration held_up_before_{0};
    clock::duration asked_before_{0};
    clock::time_point end_{};
    clock::duration left_{0};  // while it is suspended
  };
  enum class part : std::uint8_t { none, establishing, command };
  // unlimited -> before_output -> after_output: nothing is expected, or the command does not run
  // yet; it has written nothing; it has.
  enum class silence : std::uint8_t { unlimited, before_output, after_output };

  duration limit_of(phase where) const noexcept;
  void on_whole();
  void on_phase();
  void on_silence();
  void on_total();
  duration limit_of_silence() const noexcept;

  loop& loop_;
  deadlines limits_;
  delegate<> expired_;
  delegate<phase> expired_in_;
  deadline whole_;  // establishing, then the command's own
  deadline phase_;  // then that of silence
  std::unique_ptr<deadline> total_;
  duration first_output_{0};
  duration idle_{0};
  clock::time_point silent_since_{};
  clock::duration unread_before_{0};
  clock::duration unread_{0};  // at the last look
  part part_ = part::none;
  silence silence_ = silence::unlimited;
};

}  // namespace execo::detail
