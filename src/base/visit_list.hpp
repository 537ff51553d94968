// A walk over an intrusive list whose nodes may leave, join and be destroyed meanwhile.
#pragma once

#include "execo/detail/node.hpp"

namespace execo::detail {

/// Calls `visit(Node&)` once for each node that is in `all` now and still is when its turn comes.
/// The order stays as it is.
template <class Node, class Visit>
void visit_list(list_node& all, Visit&& visit) {
  list_node rest;
  while (all.linked()) all.next()->link_before(rest);
  while (rest.linked()) {
    auto& node = static_cast<Node&>(*rest.next());
    node.link_before(all);
    visit(node);
  }
}

}  // namespace execo::detail
