#pragma once

#include <string>
#include <vector>

#include "command_line/option_table.hpp"
#include "execo/ssh_config.hpp"

namespace execo::cli {

using command_line::question;

/// The command line of `execo ssh-config`.
class ssh_config_options {
 public:
  /// Throws: usage_error.
  ssh_config_options(int argc, char** argv);

  question asked = question::none;
  ssh_config::source source;
  std::vector<std::string> hosts;
};

command_line::spec_list ssh_config_specs();
std::string ssh_config_help();

}  // namespace execo::cli
