// A transport to a host whose way is known only when the commands of its ssh_config(5) have ended.
#pragma once

#include <functional>
#include <memory>

#include "process/transport.hpp"
#include "ssh/match_commands.hpp"

namespace execo::detail {

/// Makes the transport, or throws command_wanted. What else it throws is the end of the host.
using transport_maker = std::function<std::unique_ptr<transport>()>;

/// `first`: the command that was wanted.
std::unique_ptr<transport> make_late_transport(loop& on, std::shared_ptr<match_commands> commands,
                                               command_wanted first, transport_maker make);

}  // namespace execo::detail
