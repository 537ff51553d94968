// The keeper's own program: what runs in the process that `keeper` forks.
#pragma once

namespace execo::fleet {

/// Starts, signals and reaps commands as told over `socket`. When told to stop, or when the other
/// end is gone, it ends every descendant and exits.
[[noreturn]] void run_keeper(int socket) noexcept;

}  // namespace execo::fleet
