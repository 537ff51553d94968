// A file that is sent to a host of a tree, behind the seam that all transports have: it ends as a
// command does that has written it.
#pragma once

#include <memory>
#include <string>

#include "base/intrusive_ptr.hpp"
#include "execo/host.hpp"
#include "process/transport.hpp"
#include "tree/tree_root.hpp"

namespace execo::detail {

/// What one host is sent, and what became of it.
class tree_file {
 public:
  file_order_message order;
  std::shared_ptr<tree_content> content;
  std::size_t files = 0;    // in it
  std::uint64_t there = 0;  // bytes that the host had already
  /// An agent, or the way to it, was lost, or could not pass the file on: the host may be sent it
  /// in another way.
  bool is_lost = false;
  int error = 0;        // of the step that has failed on the host
  std::string failure;  // the step and the path; empty if none has
};

/// Pre: order and content of `what` are set.
std::unique_ptr<transport> make_tree_copy_transport(loop& on, intrusive_ptr<tree_root> root,
                                                    const host& where,
                                                    std::shared_ptr<tree_file> what);

}  // namespace execo::detail
