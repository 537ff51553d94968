// How many more descriptors this process may open, leaving some for everybody else.
#pragma once

#include <cstddef>

namespace execo::detail {

struct fd_budget {
  std::size_t available;  // beyond those open now and a reserve
  std::size_t limit;      // the soft RLIMIT_NOFILE
};

/// Counts /proc/self/fd: once per action, not per host.
fd_budget descriptors_left();

}  // namespace execo::detail
