// The monitor of a command: what runs in that process, and what it shares with ours.
#pragma once

#include <sys/resource.h>

#include "process/raw_child.hpp"

namespace execo::detail {

/// What a monitor reports, in order.
constexpr unsigned starting = 0, command_runs = 1, command_ended = 2;

/// Memory that a monitor goes on with, of its copy of ours.
struct kept_range {
  long begin, end;
};

/// In memory that both have.
struct monitor_page {
  child_frame frame;
  const clone_plan* command_plan;
  int socket;          // a byte each way: see monitor_process.cpp
  int owner;           // our pidfd
  kept_range kept[4];  // in order; none when all of it has to be
  long page_size;
  // Written by the monitor; the first last.
  unsigned state;
  pid_t command;
  int status;
  rusage usage;
  unsigned ended;  // orphans that were killed and reaped
};

/// The bytes that the owner sends.
constexpr char may_reap = 'r', end_all = 'e';

/// Does not return.
EXECO_UNINSTRUMENTED void monitor_main(void* page);

}  // namespace execo::detail
