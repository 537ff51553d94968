// The three descriptors of a command, both ends: pipes, or a pseudo-terminal when the client asked
// for one.
#pragma once

#include <sys/ioctl.h>

#include "fleet/reactor.hpp"

namespace execo::fleet {

class stdio_ends {
 public:
  stdio_ends() = default;

  unique_fd child_in, child_out, child_err;  // blocking, as a shell expects
  unique_fd in, out, err;                    // ours, non-blocking; no err for a terminal
};

/// Throws: std::system_error.
stdio_ends make_pipes();

/// Closing both of our ends hangs up: the kernel sends SIGHUP to the session, as under sshd.
/// Throws: std::system_error.
stdio_ends make_terminal(const winsize& size);

}  // namespace execo::fleet
