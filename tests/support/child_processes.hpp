// The processes that a process has started.
#pragma once

#include <sys/types.h>

#include <fstream>
#include <string>
#include <vector>

namespace execo::test {

/// By its first thread. Empty once it has ended.
inline std::vector<pid_t> child_processes(pid_t of) {
  std::vector<pid_t> found;
  std::string id = std::to_string(of);
  std::ifstream list("/proc/" + id + "/task/" + id + "/children");
  for (pid_t child; list >> child;) found.push_back(child);
  return found;
}

}  // namespace execo::test
