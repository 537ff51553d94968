#include "execo/timeout.hpp"

#include "loop/loop.hpp"

namespace execo::detail {

deadline_group::deadline_group(duration limit) noexcept
    : limit_(limit), timer_(callback<>::to<&deadline_group::expire>(this), "of a timeout") {
  strike_.self = this;
  strike_.run = [](queue_node& node) noexcept { static_cast<strike_node&>(node).self->strike(); };
}

void deadline_group::start(std::coroutine_handle<> handle, child_promise_base& promise) noexcept {
  // Not from when this turn began: what ran in it may have taken long.
  home().arm(timer_, later(home().read_clock(), limit_));
  start_child(handle, promise, 0);
}

void deadline_group::on_child_done(std::size_t, bool) noexcept {
  done_ = true;
  home().disarm(timer_);
}

// What completed before the deadline in this turn waits in the ready queue: it goes first.
void deadline_group::expire() {
  hold();
  home().defer(strike_);
}

void deadline_group::strike() noexcept {
  if (!done_) {
    expired_ = true;
    stop().request();
  }
  let_go();
}

}  // namespace execo::detail
