/// tree_host: a host of a tree that stands.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

#include "execo/host.hpp"
#include "execo/status.hpp"
#include "execo/time.hpp"

namespace execo {

/// A host of a tree, as it was when it was asked about.
class tree_host {
 public:
  explicit tree_host(execo::host which) : host(std::move(which)) {}

  execo::host host;
  bool up = false;        ///< it has an agent
  std::size_t depth = 0;  ///< levels below the root, from 1; 0: it is not up
  std::string parent;     ///< the host whose agent has reached it; empty: the root, or it is not up
  duration up_after{0};   ///< from the begin of the tree until it was up, the last time
  end_reason how = end_reason::not_started;  ///< why it is not up, if it is not
  std::error_code error;
  std::string error_context;  ///< the same in words: one line that names the host
};

}  // namespace execo
