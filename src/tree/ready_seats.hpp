// Seats whose hosts are up, and that are told so from the loop: what follows is not part of what
// brought the host up.
#pragma once

#include "base/intrusive_ptr.hpp"
#include "loop/loop.hpp"
#include "tree/owned_step.hpp"
#include "tree/tree_seat.hpp"

namespace execo::detail {

/// A part of `owner`, which stays until all were told.
class ready_seats {
 public:
  ready_seats(loop& on, ref_counted& owner);

  void add(tree_seat& seat);
  /// All of the list. Its nodes are seats.
  void add_all(list_node& seats);

 private:
  void tell();

  list_node seats_;
  owned_step step_;
};

}  // namespace execo::detail
