// How commands of actions come to hosts by way of each other.
#pragma once

#include <memory>

#include "action/execution_factory.hpp"
#include "execo/connection.hpp"
#include "execo/tree.hpp"

namespace execo::detail {

/// Throws: std::invalid_argument for options that a tree cannot have.
std::shared_ptr<command_factory> make_tree_factory(ssh_options options, const tree& shape);

}  // namespace execo::detail
