// A process between us and a command of kill_scope::subreaper: whatever comes from the command ends
// up as its child and is ended with it, also if we are gone. Our own process is not a subreaper.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>

#include "base/fd.hpp"

namespace execo::detail {

struct child_frame;
struct clone_plan;
struct monitor_page;
struct spawn_result;

/// Our side of it. A fork of this process: it holds a copy of our memory until the command runs.
class command_monitor {
 public:
  command_monitor() = default;
  command_monitor(const command_monitor&) = delete;
  command_monitor& operator=(const command_monitor&) = delete;
  ~command_monitor();

  /// What the command is started with, for the caller to fill in. Null: there is no memory.
  child_frame* prepare() noexcept;
  /// Blocks until the command has executed or failed. False: there is neither a command nor a
  /// monitor, and `made` says why.
  bool start(const clone_plan& of_command, spawn_result& made);

  pid_t pid() const noexcept { return pid_; }
  /// Becomes readable when the command has ended.
  int reports() const noexcept { return socket_.get(); }
  /// Becomes readable when nothing is left of the scope, or the monitor was killed; then reap().
  int pidfd() const noexcept { return pidfd_.get(); }

  bool command_ended() const noexcept;
  /// As wait4(2) gives them. Pre: command_ended().
  int status() const noexcept;
  const rusage& usage() const noexcept;
  /// Other processes than the command that were sent KILL and are gone.
  std::size_t ended_with_it() const noexcept;

  /// Ends the command and all that comes from it, with KILL.
  void end() noexcept;
  /// False: it still runs.
  bool reap() noexcept;

 private:
  bool wait_for_start() noexcept;
  void reap_at_once() noexcept;

  monitor_page* page_ = nullptr;
  unique_fd socket_, pidfd_;
  pid_t pid_ = -1;
};

}  // namespace execo::detail
