// Reads both outputs of a command that becomes one of another user until it has been started: what
// comes before that is no output of the command.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "execo/command.hpp"
#include "ssh/become.hpp"

namespace execo::detail {

using execo::stream;

class become_watch {
 public:
  enum class event : std::uint8_t {
    none,
    prompt,   ///< the program asks for the password
    started,  ///< the rest of this output is the command's
  };

  /// Throws: std::system_error.
  become_watch(const become_who& who, bool terminal)
      : who_(who), marks_(become_marks::random()), is_terminal_(terminal) {}

  const become_marks& marks() const noexcept { return marks_; }
  /// The program and its prompts write to it.
  bool is_talk(stream which) const noexcept {
    return which == (is_terminal_ ? stream::out : stream::err);
  }
  /// Pre: not has_passed(which).
  void add(stream which, std::span<const char> bytes) {
    of(which).append(bytes.data(), bytes.size());
  }
  /// What comes next in what was added.
  event next(stream which);
  /// What has come of the command after the mark, once. Pre: next() was `started`.
  std::string take_rest(stream which) { return std::exchange(of(which), {}); }
  bool has_passed(stream which) const noexcept { return passed_[index(which)]; }

  /// The text has begun, and what it wrote since, or what came in its place.
  bool has_begun() const noexcept { return has_begun_; }
  std::string_view words() const noexcept { return held_[is_terminal_ ? 0 : 1]; }
  /// It stopped in the middle of a line.
  bool is_question() const noexcept {
    return has_begun_ && !words().empty() && words().back() != '\n' && words().back() != '\r';
  }

 private:
  static std::size_t index(stream which) noexcept { return which == stream::out ? 0 : 1; }
  std::string& of(stream which) noexcept { return held_[index(which)]; }
  bool skip(stream which, const std::string& mark);

  const become_who& who_;
  const become_marks marks_;
  std::array<std::string, 2> held_;
  std::array<bool, 2> passed_{};
  const bool is_terminal_;
  bool has_begun_ = false;
};

}  // namespace execo::detail
