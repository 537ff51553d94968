// Bytes as digits, two for each byte, and back.
#pragma once

#include <array>
#include <cassert>
#include <charconv>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace execo::detail {

inline std::string hex_of(std::span<const char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (char c : bytes) {
    auto value = static_cast<unsigned char>(c);
    text += digits[value >> 4];
    text += digits[value & 15];
  }
  return text;
}

/// Pre: two digits for each byte.
template <std::size_t Size>
std::array<char, Size> bytes_of_hex(std::string_view digits) {
  assert(digits.size() == 2 * Size);
  std::array<char, Size> made{};
  for (std::size_t i = 0; i < Size; ++i) {
    unsigned value = 0;
    (void)std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, value, 16);
    made[i] = static_cast<char>(value);
  }
  return made;
}

}  // namespace execo::detail
