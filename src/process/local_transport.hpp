// Runs a command as a child of this process.
#pragma once

#include <memory>

#include "loop/loop.hpp"
#include "process/surroundings.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// Thread: the one that asks for the start: what the command takes over of this process is copied.
std::unique_ptr<transport> make_local_transport(
    loop& on, surroundings::caller then = surroundings::caller::stands_still);

/// Thread: any.
std::unique_ptr<transport> make_local_transport(loop& on,
                                                std::shared_ptr<const surroundings> around);

}  // namespace execo::detail
