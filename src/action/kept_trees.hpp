// Trees that actions leave standing for the next one.
#pragma once

#include <memory>

#include "action/tree_factory.hpp"
#include "execo/connection.hpp"
#include "execo/tree.hpp"

namespace execo::detail {

/// Uses the tree of an action before it in the same context, if one stands that is reached in the
/// same way, has the same shape and began with the same variables, directory and umask; else one of
/// its own. When no action uses it any more, that stands for as long as `shape` says.
/// Throws: std::invalid_argument for options that a tree cannot have.
std::shared_ptr<talking_command_factory> make_kept_tree_factory(ssh_options options,
                                                                const tree& shape);

}  // namespace execo::detail
