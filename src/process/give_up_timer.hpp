// When a child is looked at once more, and when what is left of it is given up.
#pragma once

#include <algorithm>

#include "loop/loop.hpp"
#include "process/late_reaper.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class give_up_timer {
 public:
  /// What the scope of a command that ended by itself may take to be gone: a monitor tries for 10
  /// s.
  static constexpr auto after_own_end = std::chrono::seconds(11);

  give_up_timer(loop& on, delegate<> look) noexcept : loop_(on), timer_(look, "end of a child") {}

  void note_kill() noexcept {
    if (killed_at_ == clock::time_point()) killed_at_ = loop_.now();
  }
  /// Waits until `most` from now, or until after_kill from the first KILL.
  void begin(clock::duration most) {
    bool killed = killed_at_ != clock::time_point();
    give_up_at_ = killed ? killed_at_ + after_kill : loop_.now() + most;
    loop_.arm(timer_, give_up_at_);
  }
  /// Begun, and over.
  bool has_passed() const noexcept { return begun() && give_up_at_ <= loop_.now(); }

  /// Looks again soon: readiness that stays must not spin.
  void look_soon() {
    auto when = loop_.now() + fruitless_pause;
    loop_.arm(timer_, begun() ? std::min(when, give_up_at_) : when);
  }
  /// Nothing is to be looked at until it is given up.
  void wait() {
    loop_.disarm(timer_);
    if (begun()) loop_.arm(timer_, give_up_at_);
  }
  void disarm() noexcept { loop_.disarm(timer_); }

 private:
  bool begun() const noexcept { return give_up_at_ != clock::time_point(); }

  loop& loop_;
  deadline_timer timer_;
  clock::time_point killed_at_{};
  clock::time_point give_up_at_{};
};

}  // namespace execo::detail
