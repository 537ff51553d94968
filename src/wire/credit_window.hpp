// How many bytes one end may have on their way to the other.
#pragma once

#include <cassert>
#include <cstdint>

namespace execo::detail {

/// Both ends keep one, for a link or for a stream: bytes sent add up, credit takes them away again.
class credit_window {
 public:
  credit_window() = default;
  explicit credit_window(std::uint64_t limit) noexcept : limit_(limit) {}

  std::uint64_t limit() const noexcept { return limit_; }
  /// Sent and not yet credited.
  std::uint64_t used() const noexcept { return used_; }
  std::uint64_t room() const noexcept { return used_ < limit_ ? limit_ - used_ : 0; }
  /// For a link: a frame may go while there is any room, so that the window is overrun by less than
  /// one frame and a long frame never waits for ever.
  bool is_open() const noexcept { return used_ < limit_; }

  void take(std::uint64_t bytes) noexcept { used_ += bytes; }
  /// False, and nothing is done: that is more than was sent.
  [[nodiscard]] bool give(std::uint64_t bytes) noexcept {
    if (bytes > used_) return false;
    used_ -= bytes;
    return true;
  }

 private:
  std::uint64_t limit_ = 0;
  std::uint64_t used_ = 0;
};

}  // namespace execo::detail
