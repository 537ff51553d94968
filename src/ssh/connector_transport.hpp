// Runs a command through a connector: a local program that takes it to its host.
#pragma once

#include <memory>

#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/surroundings.hpp"
#include "process/transport.hpp"
#include "ssh/caller.hpp"
#include "ssh/command_template.hpp"

namespace execo::detail {

/// What the hosts of one action that use a connector share.
class connector_setup {
 public:
  /// Thread: the one that asks for the action.
  /// Throws: std::invalid_argument for a template that cannot be used.
  connector_setup(const ssh_options& options, const ssh_caller& by);

  const command_template program;
  const std::string user;
  const int port;
  const std::shared_ptr<const surroundings> around;
};

/// `rank`: the host's place in its action.
std::unique_ptr<transport> make_connector_transport(loop& on,
                                                    std::shared_ptr<const connector_setup> shared,
                                                    const host& where, std::size_t rank);

}  // namespace execo::detail
