// How far one child is with a content that it is given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "wire/file_messages.hpp"

namespace execo::detail {

/// What may be on its way to a child: of a content it has asked for that much more at most.
inline constexpr std::uint32_t content_window = 1024 * 1024;

/// expected -> open  the child asks
/// expected, open -> over  it has all, or gets no more. It is kept: a child asks for more than
/// there
///                         is, and what comes late must not begin anew
class content_reader {
 public:
  /// `key`: what its owner finds it by.
  explicit content_reader(std::uint32_t key) noexcept : key_(key) {}

  std::uint32_t key() const noexcept { return key_; }
  bool is_open() const noexcept { return state_ == state::open; }
  std::uint64_t next() const noexcept { return next_; }

  void want(std::uint32_t room) noexcept {
    if (state_ == state::expected) state_ = state::open;
    room_ = std::min<std::uint64_t>(room_ + room, content_window);
  }
  /// Of the part that may go now, of a content of which there is that much. 0: none.
  std::size_t next_size(std::uint64_t there) const noexcept {
    if (!is_open() || room_ == 0 || next_ >= there) return 0;
    return static_cast<std::size_t>(std::min<std::uint64_t>(file_part_limit, there - next_));
  }
  void sent(std::size_t bytes) noexcept {
    next_ += bytes;
    room_ -= std::min<std::uint64_t>(room_, bytes);
  }
  void end() noexcept { state_ = state::over; }

 private:
  enum class state : std::uint8_t { expected, open, over };

  std::uint32_t key_;
  state state_ = state::expected;
  std::uint64_t next_ = 0;
  std::uint64_t room_ = 0;
};

}  // namespace execo::detail
