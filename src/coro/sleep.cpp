#include "execo/sleep.hpp"

#include <stdexcept>

#include "loop/loop.hpp"

namespace execo {

sleep_op::sleep_op(duration delay) noexcept
    : delay_(delay), timer_(detail::delegate<>::to<&sleep_op::expire>(this), "of a sleep") {}

sleep_op::sleep_op(sleep_op&& other) noexcept
    : operation(std::move(other)),
      delay_(other.delay_),
      timer_(detail::delegate<>::to<&sleep_op::expire>(this), "of a sleep") {}

void sleep_op::on_start(bool stopped) noexcept {
  if (stopped) return on_stop();
  work().arm(timer_, detail::later(work().read_clock(), delay_));
}

void sleep_op::on_stop() noexcept {
  if (stopped_) return;
  work().disarm(timer_);
  stopped_ = true;
  complete();
}

void sleep_op::expire() { complete(); }

sleep_op sleep_until(time_point when) { return sleep_op(when - std::chrono::system_clock::now()); }

timer::timer() noexcept
    : begun_(detail::clock::now()), started_(std::chrono::system_clock::now()) {}

timer::timer(duration limit) noexcept : timer() { limit_ = limit; }

duration timer::elapsed() const noexcept { return detail::clock::now() - begun_; }

std::optional<duration> timer::remaining() const noexcept {
  if (!limit_) return std::nullopt;
  return *limit_ - elapsed();
}

bool timer::expired() const noexcept { return limit_ && elapsed() >= *limit_; }

sleep_op timer::wait_elapsed(duration since_start) const noexcept {
  return sleep_op(since_start - elapsed());
}

sleep_op timer::wait_remaining() const {
  if (!limit_) throw std::logic_error("wait_remaining() of a timer that has no limit");
  return wait_elapsed(*limit_);
}

}  // namespace execo
