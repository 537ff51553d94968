#include "process/stop_escalation.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "process/transport.hpp"

namespace execo::detail {

void stop_escalation::set_steps(std::vector<stop_policy::step> steps, duration kill_timeout) {
  assert(!steps.empty() && steps.back().signal == SIGKILL);
  steps_ = std::move(steps);
  kill_timeout_ = kill_timeout;
}

stop_escalation::order stop_escalation::begin(int signal) noexcept {
  assert(!steps_.empty());
  order now;
  bool by_itself = signal == by_policy;
  if (by_itself && in_flight()) {
    if (state_ == state::off_policy) now.signal = steps_.front().signal;
    return now;
  }
  auto step = std::ranges::find(steps_, signal, &stop_policy::step::signal);
  if (by_itself) step = steps_.begin();
  if (step != steps_.end()) {
    auto index = static_cast<std::size_t>(step - steps_.begin());
    if (index >= next_ || signal == SIGKILL) return take(index);
  }
  now.signal = signal;
  bool escalates = step == steps_.end() && (signal == SIGTERM || signal == SIGINT);
  if (!escalates) return now;
  now.until_kill = kill_timeout_;
  if (in_flight()) return now;
  state_ = state::off_policy;
  next_ = steps_.size() - 1;
  now.grace = kill_timeout_;
  return now;
}

std::optional<stop_escalation::order> stop_escalation::next() noexcept {
  assert(in_flight());
  if (state_ == state::killed) return std::nullopt;
  order now = take(next_);
  now.forced = state_ == state::killed;
  return now;
}

stop_escalation::order stop_escalation::take(std::size_t index) noexcept {
  const stop_policy::step& step = steps_[index];
  bool last = step.signal == SIGKILL;
  next_ = index + 1;
  state_ = last ? state::killed : state::stepping;
  order now;
  now.signal = step.signal;
  now.until_kill = time_to_kill(index);
  now.grace = last ? duration(after_kill) : step.patience;
  return now;
}

// From the step at `index` on.
duration stop_escalation::time_to_kill(std::size_t index) const noexcept {
  duration time{0};
  for (; index < steps_.size() && steps_[index].signal != SIGKILL; ++index) {
    duration more = std::max(steps_[index].patience, duration(0));
    time = more > duration::max() - time ? duration::max() : time + more;
  }
  return time;
}

}  // namespace execo::detail
