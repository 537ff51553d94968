#pragma once

// The pattern of a name is its text with every index replaced by %s (and % by %%): node07-ib1 has
// the pattern node%s-ib%s and the indexes 07, 1. Sets are kept and ordered pattern by pattern.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/index_key.hpp"

namespace execo::detail {

/// Digits after that many indexes are text: it bounds the dimensions of a set.
inline constexpr std::size_t max_dimensions = 64;

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// Length of the bracketed IPv6 literal that begins the text ([fe80::1]), 0 if none does.
[[nodiscard]] std::size_t ipv6_literal(std::string_view text) noexcept;
/// The same for a position inside a name: a literal is at its beginning or after a @.
[[nodiscard]] std::size_t ipv6_literal_at(std::string_view name, std::size_t at) noexcept;

void append_text(std::string& pattern, char c);

/// Replaces both results by the pattern and the indexes of a name.
void split_name(std::string_view name, std::string& pattern, std::vector<index_key>& keys);

/// Appends the name that has these indexes in the pattern.
void append_name(std::string& out, std::string_view pattern, std::span<const index_key> keys);

[[nodiscard]] std::size_t dimensions_of(std::string_view pattern) noexcept;

/// The characters of a pattern one by one, from the pattern or from a name that has it.
class pattern_reader {
 public:
  pattern_reader(std::string_view text, bool is_name) noexcept : text_(text), is_name_(is_name) {}
  /// The next character, -1 at the end.
  int next() noexcept;

 private:
  std::string_view text_;
  bool is_name_;
  std::size_t at_ = 0;
  std::size_t literal_end_ = 0;
  std::size_t indexes_ = 0;
  int pending_ = -1;
};

}  // namespace execo::detail
