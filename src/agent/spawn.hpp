// Starts a child: vfork, since what an agent holds must not cost a command anything.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace execo::agent {

/// What the agent has changed of itself and its commands get back.
class surroundings {
 public:
  /// Those of now. Sets the umask to 077 and the limit of core files to 0.
  surroundings() noexcept;
  /// In a child: async-signal-safe.
  void give_back() const noexcept;
  /// Of the user.
  mode_t mask() const noexcept { return umask_; }

 private:
  mode_t umask_;
  rlimit core_;
};

class child_plan {
 public:
  std::vector<std::string> words;        // argv
  std::string program;                   // searched in PATH if it has no slash
  std::vector<std::string> environment;  // NAME=value, beside or in place of that of the agent
  std::string directory;                 // empty: that of the agent
  int in = -1, out = -1, err = -1;       // above 2; -1: that of the agent
  int talk_program = -1;                 // it has a descriptor of that; -1: none
  int cgroup = -1;                       // open cgroup.procs of the cgroup that it joins; -1: none
  bool on_terminal = false;              // they are a terminal, which becomes that of its session
  const surroundings* around = nullptr;
};

class started_child {
 public:
  pid_t pid = -1;
  int error = 0;          // errno of the step that failed
  const char* step = "";  // "fork", "chdir", "execve"
};

/// The child leads a session of its own, has default signals and no other descriptors than 0, 1 and
/// 2, and dies with this process. Waits for its exec.
/// Pre: SIGPIPE is the only signal that is ignored, every other descriptor is closed on exec.
started_child start_child(const child_plan& plan);

/// "No such file or directory": without what strerror needs to say it in other languages.
const char* words_of_error(int error) noexcept;

}  // namespace execo::agent
