// One command on one host, by whatever way its factory finds.
#pragma once

#include <memory>

#include "action/execution_factory.hpp"
#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// The way to the host is found on the loop, when the command is opened; its end is the end of the
/// factory.
std::unique_ptr<transport> make_host_transport(loop& on, std::shared_ptr<command_factory> factory,
                                               host where, const deadlines& limits);

}  // namespace execo::detail
