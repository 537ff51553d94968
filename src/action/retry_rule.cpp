#include "action/retry_rule.hpp"

#include <algorithm>
#include <system_error>

#include "execo/retry.hpp"

namespace execo::detail {
namespace {

constexpr duration longest_pause = std::chrono::seconds(30);

// The machine lacks something now that it may have later.
bool lacks_resources(const result& r) {
  for (std::errc passing :
       {std::errc::resource_unavailable_try_again, std::errc::not_enough_memory,
        std::errc::too_many_files_open, std::errc::too_many_files_open_in_system})
    if (r.error() == passing) return true;
  return false;
}

// What a later attempt finds as it is now, such as a refused key, is not worth one.
bool may_pass_before_start(const result& r) {
  switch (r.how()) {
    case end_reason::connect_failed:
    case end_reason::connection_lost:
    case end_reason::timed_out:
      return true;
    case end_reason::spawn_failed:
      return lacks_resources(r);
    default:
      return false;
  }
}

// A signal that the caller sent is no failure to be repaired; a deadline sends one, too.
bool may_pass_after_start(const result& r) {
  switch (r.how()) {
    case end_reason::exited:
    case end_reason::signaled:
      return !r.killed();
    case end_reason::timed_out:
    case end_reason::connection_lost:
    case end_reason::status_lost:
    case end_reason::transfer_failed:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool retry_rule::allows(const result& r, unsigned number,
                        const execution_factory& by) const noexcept {
  if (r.ok() || number > most) return false;
  if (by.may_be_retried(r)) return may_pass_before_start(r);
  return idempotent && may_pass_after_start(r);
}

duration retry_rule::pause(unsigned number) const {
  duration full = std::min(backoff, longest_pause);
  for (unsigned i = 1; i < number && full < longest_pause && full.count() > 0; ++i)
    full = std::min(full * 2, longest_pause);
  retry_plan plan;
  plan.set_attempts(2);
  plan.set_backoff(full, 1, longest_pause);
  plan.begin();
  return plan.next().value_or(full);
}

}  // namespace execo::detail
