// An owned file descriptor. A raw descriptor number lives one line elsewhere; here it lives long.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace execo::detail {

/// The same open file under another number than 0, 1 or 2: if the application has closed its
/// standard streams, new descriptors get their numbers and would receive what the program prints.
/// Negative, with errno set, if `fd` is negative or no other number is left.
inline int above_standard_streams(int fd) noexcept {
  constexpr int first = 3;
  if (fd < 0 || fd >= first) [[likely]]
    return fd;
  int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, first);
  int error = errno;
  (void)::close(fd);
  errno = error;
  return moved;
}

class unique_fd {
 public:
  unique_fd() noexcept = default;
  /// Owns `fd`, or the descriptor that above_standard_streams() returns for it: see get().
  explicit unique_fd(int fd) noexcept : fd_(above_standard_streams(fd)) {}
  unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~unique_fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  /// As the constructor.
  void reset(int fd = -1) noexcept {
    // close(2): on Linux the descriptor is gone even after EINTR, so there is nothing to retry.
    if (fd_ >= 0) (void)::close(fd_);
    fd_ = above_standard_streams(fd);
  }

 private:
  int fd_ = -1;
};

}  // namespace execo::detail
