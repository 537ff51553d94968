// Words of a command that was not found and that looks written for a shell.
#pragma once

#include <string>

#include "execo/command.hpp"

namespace execo::detail {

/// " ('&&' is for a shell: add .shell())", or nothing.
std::string shell_hint(const command& what);

}  // namespace execo::detail
