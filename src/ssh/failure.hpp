// Why a connection or a command on it could not be, ready to be shown.
#pragma once

#include <string>
#include <system_error>

#include "execo/status.hpp"

namespace execo::detail {

class failure {
 public:
  failure() = default;
  failure(end_reason reason, std::error_code code, std::string text)
      : how(reason), why(code), context(std::move(text)) {}

  end_reason how = end_reason::connect_failed;
  std::error_code why;
  /// One line; names the host.
  std::string context;
  /// The `ssh` program may do what failed here.
  bool fits_openssh = false;
};

}  // namespace execo::detail
