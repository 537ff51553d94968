// The messages between the fleet and its keeper, over a SOCK_SEQPACKET pair: one header per
// message, so that neither side has to find message boundaries.
#pragma once

#include <cstddef>
#include <cstdint>

namespace execo::fleet {

enum class keeper_verb : std::uint32_t {
  spawn,      // fleet: id, flags; three descriptors; command and environment, each NUL-terminated
  signal,     // fleet: id, number = the signal for the command's process group
  stop,       // fleet: TERM, KILL, reap, exit
  ended,      // keeper: id, number = the wait status
  not_begun,  // keeper: id, number = errno
};

struct keeper_header {
  keeper_verb verb;
  std::int32_t number;
  std::uint64_t id;
  std::uint32_t flags;
  std::uint32_t unused;
};

constexpr std::uint32_t spawn_on_terminal =
    1;                                    // the descriptors are a terminal: make it controlling
constexpr std::uint32_t spawn_shell = 2;  // no command: a shell that reads its stdin

// execve takes no single argument beyond 128 KiB (MAX_ARG_STRLEN), and the kernel's default socket
// buffer takes messages up to about 200 KiB.
constexpr std::size_t max_command = 128 * 1024 - 1;
constexpr std::size_t max_environment = 32 * 1024;
constexpr std::size_t max_keeper_message =
    sizeof(keeper_header) + max_command + max_environment + 1024;

}  // namespace execo::fleet
