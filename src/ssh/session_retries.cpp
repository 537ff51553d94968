#include "ssh/session_retries.hpp"

#include <algorithm>
#include <limits>

namespace execo::detail {
namespace {

constexpr auto first_pause = std::chrono::milliseconds(100);
constexpr auto longest_pause = std::chrono::seconds(2);
// For who has no deadline.
constexpr auto longest_time = std::chrono::minutes(2);

// The host is up, and its server takes connections at times, as far as can be seen.
bool may_pass(const failure& why) {
  bool is_loss = why.reason == failure_reason::max_startups || why.reason == failure_reason::closed;
  return is_loss && !why.is_final;
}

// For who asks for it: it may not be up yet.
bool may_change(const failure& why) {
  return why.how == end_reason::connect_failed && !why.fits_openssh;
}

}  // namespace

session_retries::session_retries(loop& home, std::optional<unsigned> max, clock::time_point begun,
                                 delegate<> due)
    : home_(home),
      is_limited_(max.has_value()),
      pause_(due, "next try of a connection"),
      first_begun_(begun),
      last_begun_(begun) {
  constexpr unsigned any_number = std::numeric_limits<unsigned>::max();
  plan_.set_attempts(std::min(max.value_or(any_number), any_number - 1) + 1);
  plan_.set_backoff(first_pause, 2, longest_pause);
  plan_.spread = jitter::equal;
  if (!is_limited_) plan_.total = longest_time;
  plan_.begin();
}

bool session_retries::go_on_after(const failed_try& lost) {
  last_ = lost;
  ++failed_;
  stage_ = stage::trying;
  std::optional<duration> pause;
  if (is_limited_ ? may_change(lost.why) : may_pass(lost.why)) pause = plan_.next();
  if (!pause) return false;
  stage_ = stage::pausing;
  home_.arm_after(pause_, *pause);
  return true;
}

void session_retries::begin() noexcept {
  stage_ = stage::trying;
  last_begun_ = home_.now();
}

failed_try session_retries::last() const {
  failed_try shown = last_;
  if (failed_ > 1) shown.why.context += "; tried " + std::to_string(failed_) + " times";
  return shown;
}

bool session_retries::explains_deadline() const noexcept {
  if (stage_ == stage::pausing) return true;
  return home_.now() - last_begun_ < last_begun_ - first_begun_;
}

}  // namespace execo::detail
