#include "ssh/password_notice.hpp"

#include <fmt/format.h>

namespace execo::detail {

void password_notice::read(std::span<const char> bytes) noexcept {
  for (char c : bytes) {
    if (left_ == 0 || (found() && of_terminal_)) return;
    --left_;
    // A terminal ends its lines with both.
    if (c == '\r') continue;
    bool goes_on = matched_ > 0 && !found() && c == text()[matched_];
    bool begins = !goes_on && is_line_start_ && c == text()[0];
    matched_ = goes_on ? static_cast<std::uint8_t>(matched_ + 1) : std::uint8_t{begins};
    is_line_start_ = c == '\n';
  }
}

failed_try refused_for_password(std::string_view user, std::string_view host) {
  failed_try refused;
  refused.why = failure(end_reason::auth_failed, {},
                        fmt::format("{}@{}: the server asks for a new password", user, host));
  refused.why.reason = failure_reason::password_change;
  refused.where = phase::auth;
  return refused;
}

}  // namespace execo::detail
