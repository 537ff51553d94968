// A result that says why a file could not be copied.
#pragma once

#include <utility>

#include "process/result_access.hpp"
#include "transfer/copy_failure.hpp"

namespace execo::detail {

inline void set_transfer_failed(result& r, copy_failure why) noexcept {
  result_access::how(r) = end_reason::transfer_failed;
  result_access::error(r) = why.why;
  result_access::reason(r) = why.reason;
  result_access::set_context(r, std::move(why.context));
  result_access::ok(r) = false;
  result_access::notable(r) = true;
}

/// Of one whose copy was over before its peer ended in another way than it should.
inline void set_copied(result& r) noexcept {
  result_access::how(r) = end_reason::exited;
  result_access::status(r) = exit_status::of_code(0);
  result_access::error(r) = {};
  result_access::set_context(r, {});
  result_access::ok(r) = true;
  result_access::notable(r) = false;
}

/// Of one that was ended since no byte had moved for long.
inline void set_idle_timeout(result& r) noexcept {
  result_access::how(r) = end_reason::timed_out;
  result_access::where(r) = phase::idle;
  result_access::notable(r) = true;
}

}  // namespace execo::detail
