// How far one child is with a content that it is given.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "wire/content_digests.hpp"
#include "wire/file_messages.hpp"

namespace execo::detail {

/// What may be on its way to a child: of a content it has asked for that much more at most.
inline constexpr std::uint32_t content_window = 1024 * 1024;

inline std::uint64_t parts_of(std::uint64_t bytes) noexcept {
  return bytes / file_part_limit + (bytes % file_part_limit != 0 ? 1 : 0);
}

/// expected  -> open       the child asks, and has nothing
/// expected  -> comparing  the child asks, and says what it has
/// comparing -> open       compare(): it gets the rest, or all
/// all       -> over       it has all, or gets no more. It is kept: a child asks for more than
///                         there is, and what comes late must not begin anew
class content_reader {
 public:
  /// `key`: what its owner finds it by.
  explicit content_reader(std::uint32_t key) noexcept : key_(key) {}

  std::uint32_t key() const noexcept { return key_; }
  bool is_open() const noexcept { return state_ == state::open; }
  std::uint64_t next() const noexcept { return next_; }

  /// `size`: of the content.
  void want(const file_want_message& what, std::uint64_t size) noexcept {
    room_ = std::min<std::uint64_t>(room_ + what.room, content_window);
    if (state_ != state::expected) return;
    const bool has_parts = what.offset % file_part_limit == 0 || what.offset == size;
    state_ = state::open;
    if (what.offset == 0 || what.offset > size || !has_parts) return;
    state_ = state::comparing;
    next_ = what.offset;
    digest_ = what.digest;
  }
  bool is_comparing() const noexcept { return state_ == state::comparing; }
  /// Whether it has what it says is known when there are the digests of so many parts.
  /// Pre: is_comparing().
  std::uint64_t parts_to_compare() const noexcept { return parts_of(next_); }
  /// Pre: is_comparing(), and that many parts are known.
  void compare(const content_digests& with) {
    const bool has_them = with.front(parts_to_compare()) == digest_;
    if (!has_them) next_ = 0;
    state_ = state::open;
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
  enum class state : std::uint8_t { expected, comparing, open, over };

  std::uint32_t key_;
  state state_ = state::expected;
  std::uint64_t next_ = 0;  // comparing: what it says that it has
  std::uint64_t room_ = 0;
  bytes16 digest_{};
};

}  // namespace execo::detail
