// A descriptor that is read or written on one loop again and again. The loop may keep it registered
// with the kernel from one request to the next, because it is notified of the end before the number
// is free for another file.
#pragma once

#include <utility>

#include "base/fd.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// On the loop's thread, and as long as the loop. A pipe or a socket: a terminal wakes who waits to
/// write to it at times that are its own.
class registered_fd {
 public:
  registered_fd() noexcept = default;
  registered_fd(unique_fd fd, loop& on) noexcept : fd_(std::move(fd)), loop_(&on) {
    if (fd_) loop_->keep(fd_.get());
  }
  /// Owned, and not registered.
  explicit registered_fd(unique_fd fd) noexcept : fd_(std::move(fd)) {}
  registered_fd(registered_fd&& other) noexcept
      : fd_(std::move(other.fd_)), loop_(std::exchange(other.loop_, nullptr)) {}
  registered_fd& operator=(registered_fd&& other) noexcept {
    if (this == &other) return *this;
    reset();
    fd_ = std::move(other.fd_);
    loop_ = std::exchange(other.loop_, nullptr);
    return *this;
  }
  ~registered_fd() { reset(); }

  int get() const noexcept { return fd_.get(); }
  explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
  /// Pre: no request has it.
  void reset() noexcept { (void)release(); }
  /// No longer the loop's. Pre: no request has it.
  unique_fd release() noexcept {
    if (loop_ != nullptr && fd_) loop_->forget(fd_.get());
    loop_ = nullptr;
    return std::move(fd_);
  }

 private:
  unique_fd fd_;
  loop* loop_ = nullptr;
};

}  // namespace execo::detail
