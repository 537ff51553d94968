// The first match of several patterns in text that comes in pieces, without looking at all of it
// again for each piece.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "execo/detail/compiler.hpp"

namespace execo::detail {

/// Part of a text; none, where a group took no part in the match.
struct text_range {
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::size_t begin = none;
  std::size_t end = none;
};

constexpr std::size_t max_groups = 32;

/// Range 0 is the whole match, then the groups of the pattern.
struct text_match {
  std::size_t pattern = 0;
  std::size_t count = 0;
  std::array<text_range, max_groups + 1> ranges;
};

/// A match that comes in pieces may begin at most `backtrack` bytes before its last piece. A piece
/// of n bytes so costs a search of n + backtrack bytes, whatever came before.
///
/// `Patterns` has size(), and operator[] gives something with
///     bool search(std::string_view text, std::size_t from, text_match& to) const
/// which finds the leftmost match that begins at `from` or later, and knows what is before it.
class incremental_search {
 public:
  explicit incremental_search(std::size_t backtrack) noexcept : backtrack_(backtrack) {}

  /// text[first] is byte `position` of the stream, and what is before it may not be matched. Of
  /// several matches the one that begins first wins, then the pattern that stands first.
  template <class Patterns>
  bool find(const Patterns& patterns, std::string_view text, std::size_t first,
            std::uint64_t position) {
    std::uint64_t end = position + (text.size() - first);
    if (text.size() == first || searched_ == end) return false;
    std::uint64_t begin = searched_ > backtrack_ ? searched_ - backtrack_ : 0;
    std::size_t from = first;
    if (begin > position) from += static_cast<std::size_t>(begin - position);
    bool any = false;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      text_match& to = any ? other_ : found_;
      examined_ += text.size() - from;
      if (!patterns[i].search(text, from, to)) continue;
      to.pattern = i;
      if (any && other_.ranges[0].begin < found_.ranges[0].begin) found_ = other_;
      any = true;
    }
    if (!any) searched_ = end;
    return any;
  }

  /// Pre: find() was true.
  const text_match& found() const noexcept { return found_; }
  /// What was found is used up to `position`; until then find() finds it again.
  void restart(std::uint64_t position) noexcept { searched_ = std::min(searched_, position); }
  /// For other patterns: all that is there is looked at once more.
  void forget() noexcept { searched_ = 0; }
  void set_backtrack(std::size_t bytes) noexcept {
    backtrack_ = bytes;
    forget();
  }
  /// How many bytes patterns were held against, the same byte counted again each time.
  std::uint64_t examined() const noexcept { return examined_; }

 private:
  std::size_t backtrack_;
  std::uint64_t searched_ = 0;  // no match ends before
  std::uint64_t examined_ = 0;
  text_match found_;
  text_match other_;
};

}  // namespace execo::detail
