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

/// Whether the text is one name as it stands: no operator, bracket, group, wildcard or blank.
[[nodiscard]] constexpr bool is_plain_name(std::string_view text) noexcept {
  for (const char c : text) {
    if (is_operator(c) || is_blank(c) || c == '[' || c == ']' || c == '@' || c == '*' || c == '?') {
      return false;
    }
  }
  return !text.empty();
}

}  // namespace execo::detail
