// Asks the user for what nothing may print: one question at a time, on the terminal or through the
// program that ssh would take in its place.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "execo/secret.hpp"
#include "hidden_line.hpp"
#include "terminal_turn.hpp"

namespace execo::cli {

class prompt_broker {
 public:
  /// An interrupt ends each question. The terminal is the controlling one, /dev/tty.
  prompt_broker(const stop_flag& stop, terminal_turn& turn);

  /// There is somewhere to ask.
  bool can_ask() const noexcept { return way_ != way::none; }
  /// nullopt: the user gives no answer, or there was an interrupt.
  /// Thread: any. Waits for the questions before.
  std::optional<secret> ask(const std::string& text) noexcept;
  /// The run is over: no question is waited for.
  void close() noexcept { end_.come(); }
  /// For options of ssh, which keep a pointer to this.
  secret_prompt prompt();

 private:
  // As readpass.c of OpenSSH: $SSH_ASKPASS_REQUIRE, then the terminal, then $SSH_ASKPASS if there
  // is a display.
  enum class way : std::uint8_t { none, terminal, program };
  static way way_now(std::string& program);

  std::optional<secret> ask_on_terminal(const std::string& text);
  std::optional<secret> ask_program(const std::string& text);

  end_of_questions end_;
  terminal_turn& turn_;
  std::string program_;
  const way way_;
  std::mutex one_at_a_time_;
};

/// The first line of a descriptor, which is closed. Throws: usage_error naming the option and what
/// is wrong.
secret read_secret(const std::string& option, int fd);

}  // namespace execo::cli
