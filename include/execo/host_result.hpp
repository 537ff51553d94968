/// host_result: the result of a command on one host.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "execo/host.hpp"
#include "execo/status.hpp"

namespace execo {

/// The result of a command on one host.
class host_result : public result {
 public:
  host_result() = default;
  host_result(execo::host h, std::size_t i, result r)
      : result(std::move(r)), host(std::move(h)), index(i) {}

  execo::host host;
  /// Position in the action's list of hosts.
  std::size_t index = 0;
  /// Which attempt this is the end of: more than 1 only if the action has retry().
  unsigned attempts = 1;

  /// As result::describe(), with the host in front: "node3: `make` exited 2 after 1.2 s".
  std::string describe() const;
};

}  // namespace execo
