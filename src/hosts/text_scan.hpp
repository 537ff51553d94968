#pragma once

#include <string_view>

namespace execo::detail {

[[nodiscard]] constexpr bool is_blank(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

[[nodiscard]] constexpr std::string_view trim_front(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  return text;
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
  text = trim_front(text);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

[[nodiscard]] constexpr bool is_operator(char c) noexcept {
  return c == ',' || c == '!' || c == '&' || c == '^';
}

/// Where the first control character is that is not a blank, C1 controls in UTF-8 included; npos if
/// there is none.
[[nodiscard]] constexpr std::size_t find_control(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if ((byte < ' ' && !is_blank(text[i])) || byte == 0x7f) return i;
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) return i;
  }
  return text.npos;
}

/// Why the text cannot name a host; empty if it can.
[[nodiscard]] constexpr std::string_view problem_of_name(std::string_view text) noexcept {
  if (find_control(text) != text.npos) return "a name cannot have control characters: remove them";
  for (const char c : text)
    if (is_blank(c)) return "a name cannot have blanks: separate hosts by commas";
  return {};
}

/// Whether the text is a single name: no operator, bracket, group, wildcard or blank.
[[nodiscard]] constexpr bool is_plain_name(std::string_view text) noexcept {
  for (const char c : text) {
    if (is_operator(c) || is_blank(c) || c == '[' || c == ']' || c == '@' || c == '*' || c == '?') {
      return false;
    }
  }
  return !text.empty();
}

}  // namespace execo::detail
