#include "execo/time.hpp"
#include "loop/loop.hpp"

namespace execo {

sleep_op::sleep_op(duration delay) noexcept
    : delay_(delay), timer_(detail::callback<>::to<&sleep_op::expire>(this), "of a sleep") {}

sleep_op::sleep_op(sleep_op&& other) noexcept
    : operation(std::move(other)),
      delay_(other.delay_),
      timer_(detail::callback<>::to<&sleep_op::expire>(this), "of a sleep") {}

void sleep_op::on_start(bool stopped) noexcept {
  if (stopped) return on_stop();
  work().arm(timer_, detail::later(detail::clock::now(), delay_));
}

void sleep_op::on_stop() noexcept {
  if (stopped_) return;
  work().disarm(timer_);
  stopped_ = true;
  complete();
}

void sleep_op::expire() { complete(); }

}  // namespace execo
