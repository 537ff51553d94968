// Waits for a descriptor to poll ready, and does not spin on one that does so without cause: that
// another reader empties again and again, or a terminal with room for less than it would write.
#pragma once

#include <cassert>
#include <chrono>

#include "loop/loop.hpp"

namespace execo::detail {

class readiness {
 public:
  /// `ready` is called from the loop with the POLL* bits or a negative errno.
  readiness(loop& on, delegate<int> ready) noexcept
      : loop_(on),
        poll_(delegate<int>::to<&readiness::on_poll>(this)),
        pause_(delegate<>::to<&readiness::poll>(this), "between two looks at a descriptor"),
        ready_(ready) {}

  /// Pre: not active().
  void wait(int fd, unsigned events) {
    assert(!active());
    poll_.prepare_poll(fd, events);
    if (++in_vain_ <= free_looks) return poll();
    loop_.arm_after(pause_, std::chrono::milliseconds(10));
  }
  /// The last one was of use.
  void progress() noexcept { in_vain_ = 0; }
  bool active() const noexcept { return poll_.active || pause_.armed(); }
  /// It is not active() soon, and `ready` says so if it was polled.
  void cancel() noexcept {
    loop_.disarm(pause_);
    if (poll_.active) loop_.cancel(poll_);
  }

 private:
  static constexpr unsigned free_looks = 3;

  void poll() { loop_.start(poll_); }
  void on_poll(int result) { ready_(result); }

  loop& loop_;
  io_request poll_;
  deadline_timer pause_;
  delegate<int> ready_;
  unsigned in_vain_ = 0;
};

}  // namespace execo::detail
