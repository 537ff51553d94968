// The working directory of the moment when a start is asked for.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "base/fd.hpp"

namespace execo::detail {

/// A descriptor, or its path where there is no descriptor left for it. Neither where it cannot be
/// opened: then it is wherever the process is later.
class directory_copy {
 public:
  directory_copy();
  /// Wherever the process is when it is used.
  explicit directory_copy(std::nullptr_t) noexcept {}
  directory_copy(const directory_copy&) = delete;
  directory_copy& operator=(const directory_copy&) = delete;

  /// Shared with all that took the same directory on this thread and still have it.
  static std::shared_ptr<const directory_copy> now();

  bool is_current() const noexcept;
  int descriptor() const noexcept { return open_.get(); }
  const std::string& path() const noexcept { return path_; }

 private:
  unique_fd open_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace execo::detail
