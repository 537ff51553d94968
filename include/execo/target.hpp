/// target: the host for which an action asks for a command.
#pragma once

#include <cstddef>
#include <utility>

#include "execo/host.hpp"

namespace execo {

/// One host of an action, for a function that returns its command.
class target {
 public:
  target(execo::host where, std::size_t place, unsigned number = 1)
      : host(std::move(where)), index(place), attempt(number) {}

  execo::host host;
  /// Position in the action's list of hosts.
  std::size_t index;
  /// 1 for the first attempt on this host.
  unsigned attempt;
};

}  // namespace execo
