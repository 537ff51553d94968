// The keeper's own program: what runs in the process that `keeper` forks.
#pragma once

namespace execo::fleet {

/// Starts, signals and reaps commands as requested over `socket`. At a stop message, or when the
/// other end is gone, ends every descendant and exits.
[[noreturn]] void run_keeper(int socket) noexcept;

}  // namespace execo::fleet
