// A pseudo terminal for a command.
#pragma once

#include <cstdint>

#include "base/fd.hpp"

namespace execo::agent {

class terminal_size {
 public:
  std::uint16_t rows = 0, columns = 0;
};

/// False, with errno set, if there is none. `ours` does not block.
bool make_terminal(terminal_size size, detail::unique_fd& ours, detail::unique_fd& theirs);

}  // namespace execo::agent
