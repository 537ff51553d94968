// Runs a command on an ssh host through libssh, in this process, on the loop.
#pragma once

#include <memory>
#include <string>

#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"
#include "ssh/caller.hpp"

namespace execo::detail {

class ssh_environment;
class ssh_target;

/// What the hosts of one action share, and actions with the same options: keys loaded once,
/// known_hosts parsed once and written by one writer, the resolver, the bound on handshakes in
/// flight, the sessions that are kept. Lives on one loop.
/// Thread: the loop's.
/// Throws: std::invalid_argument naming the file for a key or known_hosts file that cannot be used.
std::shared_ptr<ssh_environment> make_ssh_environment(loop& on, const ssh_options& options,
                                                      const ssh_caller& by = ssh_caller::now());

/// Connections of this loop that no command uses. Thread: the loop's.
std::size_t kept_sessions(loop& on);
/// Descriptors of this loop that are given up where another connection needs one: those of these
/// sessions and of what else is kept.
std::size_t kept_descriptors(loop& on);

/// One command on one host.
std::unique_ptr<transport> make_ssh_transport(ssh_target where);
std::unique_ptr<transport> make_ssh_transport(std::shared_ptr<ssh_environment> shared,
                                              const host& where);

}  // namespace execo::detail
