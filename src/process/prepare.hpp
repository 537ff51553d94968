// Turns the attributes of a command into what its child does by system calls alone: names are
// looked up, directories and terminals opened. May block, as the user database does.
#pragma once

#include "base/fd.hpp"
#include "execo/command.hpp"
#include "process/cgroup.hpp"
#include "process/spawn.hpp"

namespace execo::detail {

/// What the settings of a child refer to while it is being started.
struct prepared_child {
  unique_fd cgroup;
  cgroup_leaf leaf;  // for kill_scope::cgroup; lasts as long as the command
};

/// False, and `problem` filled in, if something asked for is not there.
bool prepare(const command& what, child_settings& settings, prepared_child& held,
             spawn_result& problem);

/// A terminal of that size: our end and the child's. False, with errno and the step in `problem`.
bool open_terminal(const spawn_attributes& wanted, unique_fd& ours, unique_fd& theirs,
                   spawn_result& problem);

}  // namespace execo::detail
