// How commands of actions come to ssh hosts, or to what a connector leads to.
#pragma once

#include <memory>

#include "action/execution_factory.hpp"
#include "execo/connection.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// Throws: std::invalid_argument for options that exclude each other.
std::shared_ptr<command_factory> make_remote_factory(ssh_options options);

/// The connection defaults of its context; null: none are set.
/// Thread: any.
std::shared_ptr<const ssh_options> defaults_of(const loop& on);

}  // namespace execo::detail
