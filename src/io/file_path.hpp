// A path, and where a relative one begins.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "io/directory_copy.hpp"

namespace execo::detail {

struct file_path {
  std::string text;
  std::shared_ptr<const directory_copy> from;  // null: wherever this process is
  std::optional<mode_t> mask;                  // of a file that is made; none: this process's

  /// For openat(2) and its like.
  int directory() const noexcept { return from ? from->descriptor() : AT_FDCWD; }
  const char* c_str() const noexcept { return text.c_str(); }
};

}  // namespace execo::detail
