// What a guard of commands and its program share: see command_guard.hpp. The guard is a program of
// its own, without a library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace execo::detail {

/// Which processes of a command are killed.
enum class guarded : std::uint32_t { process = 1, group, session };

/// What is known of one command: 0, or its number and, above that, a `guarded`.
using guard_slot = std::uint64_t;

struct guard_table {
  std::uint64_t used;  // slots that ever held a command
  guard_slot slots[1];

  static constexpr std::size_t bytes = 1 << 20;  // only those in use are in memory
  static constexpr std::size_t capacity = bytes / sizeof(guard_slot) - 1;
};

/// The descriptors of the guard: the table, a pidfd of its program, and a pipe from it: a byte
/// means that all commands are ended, its end that the program goes or has become another.
constexpr int guard_table_fd = 0, guard_owner_fd = 1, guard_alive_fd = 2;

}  // namespace execo::detail
