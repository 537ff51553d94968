#pragma once

#include <stdexcept>

namespace execo::command_line {

/// A mistake in how a program was called: one line on standard error, exit status 2.
class usage_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

}  // namespace execo::command_line
