// The side of the child between clone and execve, and what it shares with the side of the parent:
// for spawn.cpp and the monitor of a command, and for no other code.
#pragma once

#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "base/raw_call.hpp"
#include "process/spawn.hpp"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

namespace execo::detail {

/// All that a child needs, looked up, and the way its failure takes back.
struct child_frame {
  const char* const* candidates;  // at least one path to try, null-terminated
  char* const* argv;
  char* const* envp;
  int start_descriptor;    // of the directory to begin in; negative: see start_path
  const char* start_path;  // null: where this process is
  const char* directory;   // then; null: stay there
  const child_settings* settings;
  placed_descriptor* places;  // targets in order
  std::size_t place_count;
  const placed_limit* limits;
  std::size_t limit_count;
  const gid_t* groups;  // null, as those below: not changed
  std::size_t group_count;
  const gid_t* group;
  const uid_t* user;
  const char* group_name;
  const char* user_name;
  const mode_t* umask;
  const int* nice;
  pid_t parent;
  int error;
  const char* step;
  const char* object;
};

/// Reports why there will be no command, and ends this process.
EXECO_UNINSTRUMENTED void fail_child(child_frame& frame, const char* step, const char* object,
                                     long result);

EXECO_UNINSTRUMENTED void reset_dispositions();

/// Becomes the command of a child_frame. Does not return.
EXECO_UNINSTRUMENTED void child_main(void* shared);

/// A stack for a child to start on. One for each thread is enough: the thread stands still while
/// its child uses it.
class child_stack {
 public:
  static constexpr std::size_t size = 64 * 1024;
  child_stack() noexcept;
  child_stack(const child_stack&) = delete;
  child_stack& operator=(const child_stack&) = delete;
  ~child_stack();
  /// Null when there was no memory.
  void* base() const noexcept { return base_ == MAP_FAILED ? nullptr : base_; }

 private:
  void* base_;
};

/// The arguments of one clone, ready beforehand: a child of a child may not even clear memory.
struct clone_plan {
  /// `pidfd` may be null without CLONE_PIDFD; `cgroup` is negative for ours.
  clone_plan(long how, const child_stack& stack, int* pidfd, int cgroup) noexcept;

  clone_args args;
  long flags;
  long top;  // of the stack
};

/// Runs child(shared) in a child. Its pid, or a negative errno.
EXECO_UNINSTRUMENTED long clone_child(const clone_plan& plan, void (*child)(void*), void* shared);

}  // namespace execo::detail
