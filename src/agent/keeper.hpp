// The keeper of an agent: a process that waits beside it and ends what it leaves behind.
#pragma once

#include <optional>

#include "execo/detail/delegate.hpp"

namespace execo::agent {

/// Makes this process two, which share their memory: the child, the agent, does `work` and ends.
/// The parent, the keeper, has no descriptors, waits for the agent, then kills all that comes of
/// it, daemons as well, and exits as it did. TERM, INT, HUP and QUIT of the keeper are TERM for the
/// agent; so is the keeper's end. The agent's signals have default dispositions, but PIPE is
/// ignored; TERM, INT, HUP, QUIT and CHLD are blocked. Gives up if the process cannot be made.
[[noreturn]] void keep(detail::delegate<> work);

/// If a killed agent leaves processes behind, its keeper executes this program again to end them:
/// the memory that they share may be corrupt. The exit code, if these arguments ask for that.
std::optional<int> code_of_sweeper(int count, char** words);

/// Kills all that comes of this process, and exits.
[[noreturn]] void sweep(int code);

}  // namespace execo::agent
