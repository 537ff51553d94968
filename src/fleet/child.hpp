// How one command becomes a process: vfork and exec, never a copy of the parent.
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

namespace execo::fleet {

class child_plan {
 public:
  child_plan() = default;

  const char* command = nullptr;   // for sh -c; null: sh reading its stdin
  std::vector<char*> environment;  // null-terminated
  const int* fds = nullptr;        // stdin, stdout, stderr; all above 2
  bool terminal = false;           // the descriptors are a terminal: make it the controlling one
};

/// This process's environment with `variables` (NAME=VALUE, NUL-terminated) in place of its own of
/// the same name. Points into both.
std::vector<char*> merged_environment(const std::vector<std::string_view>& variables);

/// Starts /bin/sh in a session of its own, as sshd does, which dies with the calling thread.
/// Returns -1 and sets `error` if that fails.
pid_t start_child(const child_plan& plan, int& error) noexcept;

}  // namespace execo::fleet
