// Memory shared by a program and the guard of its commands: see command_guard.hpp. The guard is a
// separate program without a library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace execo::detail {

/// Which processes of a command are killed.
enum class guarded : std::uint32_t { process = 1, group, session };

/// One command: 0, or its pid and, above that, a `guarded`.
using guard_slot = std::uint64_t;

/// The absolute path of a directory without directories in it, and a zero byte; empty: none.
struct guarded_directory {
  char path[64];
};

struct guard_table {
  guarded_directory directory;  // is removed when the commands are killed
  std::uint64_t used;           // slots that ever held a command
  guard_slot slots[1];

  static constexpr std::size_t bytes = 1 << 20;  // only those in use are in memory
  static constexpr std::size_t capacity =
      (bytes - sizeof(guarded_directory) - sizeof(std::uint64_t)) / sizeof(guard_slot);
};

/// The descriptors of the guard: the table, a pidfd of the program, and a pipe from it: a byte
/// means that all commands are ended, end of file that the program exits or calls exec.
constexpr int guard_table_fd = 0, guard_owner_fd = 1, guard_alive_fd = 2;

}  // namespace execo::detail
