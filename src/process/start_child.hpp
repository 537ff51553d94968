// One local child: its descriptors are opened, its attributes looked up, and it is spawned.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "process/child_stream.hpp"
#include "process/prepare.hpp"
#include "process/spawn.hpp"

namespace execo::detail {

/// What a child is started with: the request, whose descriptors and settings start_child fills in.
struct spawn_plan {
  spawn_request what;
  std::array<child_stream, 3> streams;
  std::vector<std::pair<int, child_stream>>
      passed;                              // other than the streams, by the child's number
  const command* attributes_of = nullptr;  // lives until the child is started
  bool has_input = false;                  // a pipe, instead of the null input
  bool nonblocking = false;                // our ends
  int null_input = -1;                     // a negative errno if there is none
};

/// A child, or why there is none, and our ends of its pipes or of its terminal.
struct started_child {
  spawn_result made;
  unique_fd input, output, error;
  cgroup_leaf leaf;
};

/// Opens the pipes as late as this: children that wait for their turn hold no descriptors. May
/// block, as opening files and looking up users does.
started_child start_child(spawn_plan& plan);

}  // namespace execo::detail
