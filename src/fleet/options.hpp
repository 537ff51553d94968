// The command line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "command_line/scanner.hpp"
#include "fleet/logins.hpp"

namespace execo::fleet {

enum class exec_mode { real, canned };

class options {
 public:
  options() = default;

  std::uint16_t port = 0;  // 0: a free one
  std::string hosts;
  std::string authorized_keys;
  method_lists auth = parse_methods("publickey");
  std::string password;
  std::vector<std::vector<prompt>> prompts;  // request by request
  std::string host_key;                      // empty: made in memory
  std::string known_hosts_file;              // where to write the known_hosts line; empty: nowhere
  exec_mode exec = exec_mode::real;
  std::chrono::nanoseconds latency{0};
  std::chrono::nanoseconds login_grace = std::chrono::seconds(120);
  std::vector<std::string> faults;
  bool stats = false;
  int ready_fd = -1;                 // where the port is written when ready; -1: nowhere
  std::vector<std::string> command;  // after `--`: runs when ready, and ends the fleet
};

/// Empty after --help or --version, whose answer was given to write_output().
/// Throws: usage_error.
std::optional<options> parse_options(int argc, const char* const* argv);

command_line::spec_list option_specs();
std::string help_text();

}  // namespace execo::fleet
