/// broadcast: one input for many commands.
#pragma once

#include "execo/stdio.hpp"

namespace execo {

/// What can be read from a descriptor from now on, for each command that has this source: every one
/// of them gets all of it, whenever it begins, and then the end of file. It is read as fast as the
/// fastest of them takes it, once, and kept for the others: the first 32 MiB in memory, the rest in
/// a file without a name in $TMPDIR, or else in /var/tmp. A command that takes no more holds up
/// none. If the descriptor cannot be read, or the file not be written, the commands that need more
/// end as spawn_failed, and what they say names which. `fd` stays the caller's; a duplicate is kept
/// as long as the source and its copies.
/// Throws: std::system_error if it is not open; std::invalid_argument for a negative number.
source broadcast(int fd);

}  // namespace execo
