// The command line of `execo keyscan`.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command_line/option_table.hpp"
#include "execo/config.hpp"
#include "execo/connection.hpp"
#include "execo/host.hpp"

namespace execo::cli {

class keyscan_options {
 public:
  keyscan_options() = default;
  std::vector<host> hosts;  // in the order given, each once
  std::vector<std::string> types;
  std::size_t fanout = 64;
  ssh_options ssh;
  bool add = false;
};

/// Applies the arguments to the defaults of the user. Empty if help was asked for.
/// Throws: usage_error.
std::optional<keyscan_options> parse_keyscan(std::span<const char* const> arguments,
                                             const config& defaults = config());

std::string keyscan_help();
command_line::spec_list keyscan_specs();

}  // namespace execo::cli
