// What the login shell of a host reads to run a command.
#pragma once

#include <optional>
#include <string>

#include "execo/command.hpp"

namespace execo::detail {

/// The text of a command alone goes as it is, as with `ssh host text`. Words are quoted so that any
/// login shell hands them on as they are; a directory, variables and a mask are set by a POSIX sh,
/// which then gives the text to the login shell. ssh itself has no directory and no mask, and
/// servers take few variables.
///
/// Nothing for what only a local command can have; then `problem` says why.
std::optional<std::string> remote_text(const command& what, std::string& problem);

}  // namespace execo::detail
