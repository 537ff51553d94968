// How commands of actions come to hosts by way of each other.
#pragma once

#include <memory>

#include "action/execution_factory.hpp"
#include "execo/connection.hpp"
#include "execo/tree.hpp"

namespace execo::detail {

class tree_root;

/// It has a tree of its own from begin() to end(), on the loop that it began on.
class tree_factory : public command_factory {
 public:
  /// Null: it has not begun, or was ended.
  virtual tree_root* root() const noexcept = 0;
};

/// Throws: std::invalid_argument for options that a tree cannot have.
std::shared_ptr<tree_factory> make_tree_factory(ssh_options options, const tree& shape);

/// Its place among the loops of its context.
std::size_t ring_of_loop(const loop& on) noexcept;

}  // namespace execo::detail
