// The program of src/askpass, as `ssh` is given it: part of this one, in memory.
#pragma once

#include <string>
#include <system_error>

#include "base/fd.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class askpass_program final : public loop_service {
 public:
  explicit askpass_program(loop&) noexcept {}

  /// Made with the first call. The error says why there is none: memory may not be executed, or no
  /// descriptor is left.
  std::error_code make();
  /// Valid as long as this process lives. Pre: make() returned no error.
  std::string path() const;

 private:
  unique_fd program_;
};

}  // namespace execo::detail
