// What sshd says in place of a command when the user has to choose a new password first,
// do_pwchange in its session.c: without a terminal it ends with 1, in one it runs passwd.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "process/failure.hpp"

namespace execo::detail {

/// Reads the first words of a command: of its standard error, or of its terminal.
class password_notice {
 public:
  explicit password_notice(bool of_terminal = false) noexcept : of_terminal_(of_terminal) {}

  void feed(std::span<const char> bytes) noexcept {
    if (left_ > 0) read(bytes);
  }
  /// The command was not run. Without a terminal the notice is the last that is said.
  bool found() const noexcept { return matched_ == text().size(); }

 private:
  std::string_view text() const noexcept {
    return of_terminal_
               ? "WARNING: Your password has expired.\nYou must change your password now and login "
                 "again!\n"
               : "WARNING: Your password has expired.\nPassword change required but no TTY "
                 "available.\n";
  }
  void read(std::span<const char> bytes) noexcept;

  // Words of PAM and a banner may come before it.
  static constexpr std::uint16_t max_looked_at = 4096;
  std::uint16_t left_ = max_looked_at;
  std::uint8_t matched_ = 0;
  bool of_terminal_;
  bool is_line_start_ = true;
};

/// What a run that had it ends as.
failed_try refused_for_password(std::string_view user, std::string_view host);

}  // namespace execo::detail
