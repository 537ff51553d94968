// What the login shell of a host reads to run a command.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "execo/command.hpp"

namespace execo::detail {

/// The text of a command alone goes as it is, as with `ssh host text`. Words are quoted so that any
/// login shell hands them on as they are; a directory, variables and a mask are set by a POSIX sh,
/// which then gives the text to the login shell. ssh itself has no directory and no mask, and
/// servers take few variables.
///
/// Nothing for what only a local command can have; then `problem` says why.
///
/// `shell`: what reads the whole in place of a login shell. Empty: that one.
std::optional<std::string> remote_text(const command& what, std::string& problem,
                                       std::string_view shell = {});

}  // namespace execo::detail
