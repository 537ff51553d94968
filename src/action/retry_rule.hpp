// Whether a host of an action is tried again, and after which pause.
#pragma once

#include "action/execution_factory.hpp"
#include "execo/status.hpp"
#include "execo/time.hpp"

namespace execo::detail {

class retry_rule {
 public:
  retry_rule() = default;

  unsigned most = 0;  // attempts after the first one
  duration backoff = std::chrono::seconds(1);
  /// The command may run twice.
  bool idempotent = false;

  /// `number`: of the attempt that has this result.
  bool allows(const result& r, unsigned number, const execution_factory& by) const noexcept;
  /// Between that attempt and the next one.
  duration pause(unsigned number) const;
};

}  // namespace execo::detail
