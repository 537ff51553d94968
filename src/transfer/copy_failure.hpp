// Why a file could not be copied.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "execo/status.hpp"

namespace execo::detail {

class copy_failure {
 public:
  copy_failure() = default;
  copy_failure(std::error_code code, std::string what) : why(code), context(std::move(what)) {}
  copy_failure(failure_reason cause, std::string what) : reason(cause), context(std::move(what)) {}
  /// Of a call here that has failed: "open app.tar".
  static copy_failure of_errno(int error, std::string what) {
    return copy_failure(std::error_code(error, std::system_category()), std::move(what));
  }

  explicit operator bool() const noexcept {
    return static_cast<bool>(why) || reason != failure_reason::none || !context.empty();
  }

  std::error_code why;
  failure_reason reason = failure_reason::none;
  std::string context;  // the step and the path
};

/// For a message, cut if it is long.
std::string shown_path(std::string_view path);

/// What a tool said on its standard error, in the C locale: the first line that ends with the words
/// of an error number of libc, glibc's or musl's. Without such a line, the last one and no code.
copy_failure failure_of_tool(std::string_view said);

}  // namespace execo::detail
