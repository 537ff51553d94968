// Starts a child without copying this process: a vfork-style clone, so the cost does not depend on
// how much memory is resident here.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.hpp"

namespace execo::detail {

struct spawn_request {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"; see inherit_environment
  bool inherit_environment = true;       // `environment` is then empty and environ is used
  std::string directory;                 // empty: inherited
  int in = -1, out = -1, err = -1;       // become 0, 1 and 2
};

struct spawn_result {
  pid_t pid = -1;
  unique_fd pidfd;
  int error = 0;          // errno of the step that failed
  const char* step = "";  // "clone", "chdir", "execve", ...
  std::string object;     // the path or name the step was about
};

/// Blocks the calling thread until the child has executed or failed; measured at about 40 us on an
/// idle machine. The child gets its own process group, an empty signal mask, default dispositions
/// and no other descriptors.
spawn_result spawn(const spawn_request& what);

}  // namespace execo::detail
