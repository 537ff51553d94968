// Names for what has none: a process of its own whose descriptors lead there, for /proc does not
// let others of the user at those of an agent. It ends with this object, or this process.
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/reactor.hpp"
#include "agent/spawn.hpp"

namespace execo::agent {

class file_holder {
 public:
  file_holder() = default;

  /// Has copies of both from now on. False: errno says why, problem() at what.
  bool start(int first, int second, const surroundings& around);
  const char* problem() const noexcept { return problem_; }
  bool has_started() const noexcept { return process_ > 0; }
  /// Pre of both: it has started.
  std::string first_path() const { return path_of(1); }
  std::string second_path() const { return path_of(2); }
  bool is_process(pid_t pid) const noexcept { return pid == process_; }

 private:
  std::string path_of(int descriptor) const;

  unique_fd input_;
  pid_t process_ = -1;
  const char* problem_ = "";
};

}  // namespace execo::agent
