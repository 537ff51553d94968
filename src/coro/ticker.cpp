#include "execo/ticker.hpp"

#include <cassert>
#include <stdexcept>

#include "loop/loop.hpp"

namespace execo {
namespace {

// A loop may have a time of its own.
detail::clock::time_point time_here() noexcept {
  const detail::loop* here = detail::loop::current();
  return here != nullptr ? here->read_clock() : detail::clock::now();
}

duration positive_interval(duration interval) {
  if (interval.count() <= 0)
    throw std::invalid_argument("ticker: an interval that is not positive");
  return interval;
}

}  // namespace

tick_op::tick_op(ticker& of) noexcept
    : of_(of), timer_(detail::delegate<>::to<&tick_op::expire>(this), "of a ticker") {}

tick_op::tick_op(tick_op&& other) noexcept
    : operation(std::move(other)),
      of_(other.of_),
      timer_(detail::delegate<>::to<&tick_op::expire>(this), "of a ticker") {}

detail::loop& tick_op::bind(detail::loop* affinity) {
  if (of_.waiting_ != nullptr) throw std::logic_error("next() of a ticker that is waited for");
  return operation::bind(affinity);
}

void tick_op::on_start(bool stopped) noexcept {
  if (stopped) return on_stop();
  assert(of_.waiting_ == nullptr);
  of_.waiting_ = this;
  wait_or_end();
}

void tick_op::wait_or_end() noexcept {
  assert(detail::loop::current() == &work());
  if (of_.state_ == ticker::state::ticking && work().read_clock() < of_.next_)
    return work().arm(timer_, of_.next_);
  work().disarm(timer_);
  expire();
}

void tick_op::expire() {
  ticks_ = of_.take(work().read_clock());
  of_.waiting_ = nullptr;
  complete();
}

void tick_op::on_stop() noexcept {
  work().disarm(timer_);
  if (of_.waiting_ == this) of_.waiting_ = nullptr;
  stopped_ = true;
  complete();
}

ticker::ticker(duration interval) { reset(interval); }
ticker::ticker(duration first, duration interval) { reset(first, interval); }
ticker::~ticker() { assert(waiting_ == nullptr); }

void ticker::cancel() noexcept {
  state_ = state::over;
  if (waiting_ != nullptr) waiting_->wait_or_end();
}

void ticker::reset(duration interval) { reset(positive_interval(interval), interval); }

void ticker::reset(duration first, duration interval) {
  if (first.count() < 0 || interval.count() < 0)
    throw std::invalid_argument("ticker: a negative time");
  next_ = detail::later(time_here(), first);
  interval_ = interval;
  state_ = state::ticking;
  if (waiting_ != nullptr) waiting_->wait_or_end();
}

// The next tick is counted from the last one, not from now: so there is no drift.
std::uint64_t ticker::take(detail::clock::time_point now) noexcept {
  if (state_ == state::over) return 0;
  if (interval_.count() == 0) {
    state_ = state::over;
    return 1;
  }
  const auto missed = (now - next_) / interval_;
  next_ = detail::later(next_ + missed * interval_, interval_);
  return static_cast<std::uint64_t>(missed) + 1;
}

}  // namespace execo
