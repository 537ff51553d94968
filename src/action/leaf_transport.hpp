// A command on a host of a tree. Where no agent can be started it goes the way that it would go
// without a tree: nothing was started before, so this is no second start.
#pragma once

#include <cstddef>
#include <memory>

#include "action/leaf_turns.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"
#include "tree/tree_place.hpp"

namespace execo::detail {

/// What all leaves of a tree share.
class leaf_service {
 public:
  explicit leaf_service(std::size_t most) noexcept : turns(most) {}
  virtual ~leaf_service() = default;

  /// Whether no agent can be started there.
  virtual bool is_leaf(const host& where) const = 0;
  /// The way without a tree.
  virtual std::unique_ptr<transport> way_to(const host& where, const tree_place& place) = 0;

  leaf_turns turns;
};

/// `in_tree`: it fails without having begun the command where the host is a leaf.
std::unique_ptr<transport> make_leaf_transport(loop& on, std::shared_ptr<leaf_service> service,
                                               const host& where, const tree_place& place,
                                               std::unique_ptr<transport> in_tree);

}  // namespace execo::detail
