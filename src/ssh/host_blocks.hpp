// Which blocks of ssh_config(5) hold for a host. Hosts for which the same ones hold are told the
// same, unless a value is made of the host's name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ssh/config_lines.hpp"

namespace execo::detail {

/// Whether a line of Host is about this name.
bool has_host(const config_line& line, std::string_view name);

class host_blocks {
 public:
  /// The lines outlive it.
  explicit host_blocks(const config_lines& lines);

  /// The name decides alone: no line of Match asks for anything else.
  bool are_by_name() const noexcept { return by_name_; }
  /// One character for each line of Host.
  std::string holding_for(std::string_view name) const;

 private:
  std::vector<const config_line*> lines_;
  bool by_name_ = true;
};

}  // namespace execo::detail
