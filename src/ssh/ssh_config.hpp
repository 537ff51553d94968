// The state of an ssh_config: its lines, and what all destinations have in common.
#pragma once

#include <string_view>

#include "execo/ssh_config.hpp"
#include "ssh/config_answer.hpp"
#include "ssh/config_lines.hpp"

namespace execo::detail {

class ssh_config_state {
 public:
  /// Reads the files. Throws: ssh_config_error.
  explicit ssh_config_state(ssh_config::source from);

  /// Throws: ssh_config_error.
  config_answer answer(std::string_view destination) {
    return config_answer(lines_, caller_, commands_, destination);
  }

 private:
  config_caller caller_;
  config_lines lines_;
  config_commands commands_;
};

}  // namespace execo::detail
