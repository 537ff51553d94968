// Runs a command as a child of this process.
#pragma once

#include <memory>

#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::detail {

std::unique_ptr<transport> make_local_transport(loop& on);

}  // namespace execo::detail
