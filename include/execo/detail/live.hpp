// Something in progress that its loop can name when it is asked what lives there.
#pragma once

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/node.hpp"

namespace execo::detail {

struct live_node : list_node {
  const char* what = "";  // a literal
  clock::time_point since{};
};

/// On the loop's thread. Leaves the list by itself when destroyed.
void enlist(loop& l, live_node& node) noexcept;

}  // namespace execo::detail
