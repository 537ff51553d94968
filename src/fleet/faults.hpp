// What is wrong with a simulated host: parsed from `SET:KIND`, looked up once per connection.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "command_line/usage_error.hpp"

namespace execo::fleet {

enum class fault_kind {
  none,
  reset,
  blackhole,
  no_banner,
  stall_kex,
  reject_auth,
  stall_auth,
  stall_exec,
  drop_mid_output,
  close_exec,
  disconnect_auth,
  stall_password,
  disconnect_password,
  disconnect_open,
  disconnect_run,
  disconnect_end,
  exit_code,
  exit_signal,
  slow_output,
};

class fault {
 public:
  fault() noexcept = default;
  explicit fault(fault_kind k) noexcept : kind(k) {}

  /// Whether the request to run a command is answered.
  bool answers_exec() const noexcept {
    return kind != fault_kind::stall_exec && kind != fault_kind::close_exec;
  }
  /// Whether the connection ends with a disconnect message once a command has run.
  bool says_goodbye() const noexcept {
    return kind == fault_kind::disconnect_run || kind == fault_kind::disconnect_end;
  }

  fault_kind kind = fault_kind::none;
  /// The exit code or the signal number.
  int number = 0;
  /// slow_output: the time between two lines.
  std::chrono::nanoseconds pace = std::chrono::seconds(1);
};

using command_line::usage_error;

/// "reset", "exit-3", "signal-KILL", "slow-output=200ms".
/// Throws: usage_error.
fault parse_fault_kind(std::string_view text);

/// The number of "TERM" or "SIGTERM", 0 if there is none of this name.
int signal_number(std::string_view name) noexcept;

/// "TERM" for 15; a name the ssh protocol may carry for the others too ("29@execo").
std::string signal_name(int number);

}  // namespace execo::fleet
