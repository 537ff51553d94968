// A path, and where a relative one begins.
#pragma once

#include <fcntl.h>

#include <memory>
#include <string>

#include "io/directory_copy.hpp"

namespace execo::detail {

struct file_path {
  std::string text;
  std::shared_ptr<const directory_copy> from;  // null: wherever this process is

  /// For openat(2) and its like.
  int directory() const noexcept { return from ? from->descriptor() : AT_FDCWD; }
  const char* c_str() const noexcept { return text.c_str(); }
};

}  // namespace execo::detail
