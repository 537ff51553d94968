#include "execo/timeout.hpp"

#include "loop/loop.hpp"

namespace execo::detail {

deadline_group::deadline_group(duration limit) noexcept
    : limit_(limit),
      timer_(delegate<>::to<&deadline_group::expire>(this), "of a timeout"),
      deadline_step_(delegate<>::to<&deadline_group::on_deadline>(this)) {}

void deadline_group::start_clock() noexcept {
  // Not from when this turn began: what ran in it may have taken long.
  affinity().arm(timer_, later(affinity().read_clock(), limit_));
}

void deadline_group::stop_clock() noexcept {
  done_ = true;
  affinity().disarm(timer_);
}

// What completed before the deadline in this turn waits in the ready queue: it goes first.
void deadline_group::expire() {
  add_pending();
  affinity().defer(deadline_step_);
}

void deadline_group::on_deadline() noexcept {
  if (!done_) {
    expired_ = true;
    stop().request();
  }
  release_pending();
}

}  // namespace execo::detail
