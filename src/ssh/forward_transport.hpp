// Carries out a port forward: listens here, and has an ssh host make a connection for each one that
// is taken.
#pragma once

#include <memory>

#include "process/transport.hpp"
#include "ssh/forward_state.hpp"

namespace execo::detail {

class ssh_target;

/// How many connections it carries at a time; further ones wait in the kernel.
inline constexpr std::size_t max_forwarded_connections = 256;

/// It runs from when it listens until it is ended.
std::unique_ptr<transport> make_forward_transport(ssh_target via,
                                                  std::shared_ptr<forward_state> what);

}  // namespace execo::detail
