// The command that a function of the caller's made for one host, with what the action says besides.
#pragma once

#include "execo/command.hpp"
#include "execo/host.hpp"

namespace execo::detail {

/// What `given` leaves unset is as `of_action` has it. Variables are added, and words of the action
/// follow those given.
/// Throws: std::invalid_argument for an empty command, and for what only an action has: sinks,
/// sources of files and descriptors, passed descriptors, handlers.
command completed_command(const command& given, command of_action, const host& where);

}  // namespace execo::detail
