// A cgroup for each command, where cgroup v2 lets this user make some: nothing that a command
// starts escapes it, whatever session, environment or user that takes.
//
// They are DIRECTORY/execo-KEEPER/RUN, where DIRECTORY is the cgroup that the agent and its keeper
// are in. A service manager says which it has delegated: it owns the others.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/fd.hpp"

namespace execo::agent {

/// Of this process: its directory, if it was delegated to this user; else empty. Looks once.
const std::string& delegated_cgroup();

class command_cgroups {
 public:
  /// `keeper`: its process id tells the agents in one cgroup apart.
  explicit command_cgroups(pid_t keeper) noexcept : keeper_(keeper) {}
  command_cgroups(const command_cgroups&) = delete;
  command_cgroups& operator=(const command_cgroups&) = delete;
  /// Removes those that are empty.
  ~command_cgroups();

  /// Of a command that is about to start: what its process writes "0" to. None where none can be
  /// made: it runs all the same.
  detail::unique_fd make(std::uint32_t run);
  bool hold_commands() const noexcept { return made_; }
  /// Whether a process is in it. False if there is none.
  bool has_processes(std::uint32_t run) const;
  /// Kills all that is in it, also what is just being made (Linux 5.14). False: the kernel cannot.
  bool kill(std::uint32_t run) const;
  /// Removes it, if nothing is in it: what a command leaves behind may stay there.
  void drop(std::uint32_t run) const;

  /// Kills all that is in those of an agent whose keeper was this one.
  static void kill_all(pid_t keeper);
  /// Removes them, once what was in them is reaped.
  static void remove_all(pid_t keeper);

 private:
  std::string directory_of(std::uint32_t run) const;

  pid_t keeper_;
  bool made_ = false;  // the one that holds them
};

}  // namespace execo::agent
