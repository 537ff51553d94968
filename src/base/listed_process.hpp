// Processes as /proc lists them, for a copy of this process: see raw_child.cpp for what it may do.
#pragma once

#include <cstdint>

#include "base/raw_call.hpp"

namespace execo::detail {

/// What getdents64(2) gives.
struct directory_entry {
  std::uint64_t inode;
  std::int64_t offset;
  unsigned short size;
  unsigned char type;
  char name[1];
};

/// The place of a number behind the name in /proc/PID/stat, from 0.
enum class stat_field { parent = 1, group = 2, session = 3 };

/// The number that `text` begins with, 0 if there is none; `end` may be null behind a terminated
/// one.
EXECO_UNINSTRUMENTED long number_at(const char* text, const char* end);

/// Sends KILL to each process that is no zombie and has that number there, as long as it does; how
/// many there were. `proc` is /proc, open.
EXECO_UNINSTRUMENTED long kill_listed_with(int proc, stat_field which, long value);

}  // namespace execo::detail
