// Refuses commands that cannot be run here, before anything is started.
#pragma once

#include "execo/command.hpp"

namespace execo::detail {

/// Throws: std::invalid_argument for what no system call takes as it is.
void check_local(const command& what);

}  // namespace execo::detail
