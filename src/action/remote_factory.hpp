// How commands of actions come to ssh hosts, or to what a connector leads to.
#pragma once

#include <memory>
#include <optional>

#include "action/execution_factory.hpp"
#include "execo/connection.hpp"
#include "loop/loop.hpp"
#include "ssh/host_directory.hpp"

namespace execo::detail {

/// `ways`: lead to the hosts in place of what the options say of that, for sessions that this
/// process has itself; null: do not. Throws: std::invalid_argument for options that exclude each
/// other.
std::shared_ptr<command_factory> make_remote_factory(ssh_options options,
                                                     std::shared_ptr<route_source> ways = {});

/// The same options where it is decided whether there is a tree.
ssh_options directly(ssh_options options);

/// Where the way to that host goes, if this process itself speaks ssh to it and that is known now;
/// nothing otherwise. `by`: what make_remote_factory() has made, after begin(). On its first ring.
std::optional<ssh_target> built_in_target(command_factory& by, loop& on, const host& where);

/// The connection defaults of its context; null: none are set.
/// Thread: any.
std::shared_ptr<const ssh_options> defaults_of(const loop& on);

}  // namespace execo::detail
