// How long a thread that waits for a loop waits for the loop's own thread before it says that there
// is none, or that something holds it.
#pragma once

#include "execo/time.hpp"

namespace execo::detail {

/// A second, but where a test has set less.
duration driver_wait() noexcept;
void set_driver_wait(duration longest) noexcept;

}  // namespace execo::detail
