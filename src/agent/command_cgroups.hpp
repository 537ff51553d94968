// A cgroup v2 for each command, where the cgroup of the login is delegated to this user. A process
// that a command starts cannot leave it by changing its session, its environment or its user.
//
// The path is DIRECTORY/execo-KEEPER/RUN: DIRECTORY is the cgroup that the agent and its keeper are
// in, KEEPER the process id of the keeper.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/fd.hpp"

namespace execo::agent {

/// The directory of the cgroup of this process if it is delegated to this user and the kernel has
/// cgroup.kill (Linux 5.14); else empty. Looked up once.
const std::string& delegated_cgroup();

class command_cgroups {
 public:
  /// `keeper`: the process id of the keeper. It is part of the path, since several agents may run
  /// in one cgroup.
  explicit command_cgroups(pid_t keeper) noexcept : keeper_(keeper) {}
  command_cgroups(const command_cgroups&) = delete;
  command_cgroups& operator=(const command_cgroups&) = delete;
  /// Removes those that are empty.
  ~command_cgroups();

  /// Makes the cgroup of a command that is about to start. The result is its cgroup.procs, open:
  /// the process of the command writes "0" there to move itself. Empty if no cgroup can be made:
  /// the command runs without one.
  detail::unique_fd make(std::uint32_t run);
  /// Whether commands have cgroups here.
  bool hold_commands() const noexcept { return made_; }
  /// Whether a process is in the cgroup of that run. False if it has no cgroup.
  bool has_processes(std::uint32_t run) const;
  /// Sends KILL to all processes in the cgroup of that run, those that are being forked included.
  /// False if it has no cgroup.
  bool kill(std::uint32_t run) const;
  /// Removes the cgroup of that run if no process is in it. Daemons of a command that ended by
  /// itself keep theirs.
  void drop(std::uint32_t run) const;

  /// Kills the processes in all cgroups of the agent of that keeper.
  static void kill_all(pid_t keeper);
  /// Removes those cgroups. Pre: their processes are reaped.
  static void remove_all(pid_t keeper);

 private:
  std::string directory_of(std::uint32_t run) const;

  pid_t keeper_;
  bool made_ = false;  // DIRECTORY/execo-KEEPER is there
};

}  // namespace execo::agent
