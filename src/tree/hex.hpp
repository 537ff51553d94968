// The random numbers of a tree, and their digits.
#pragma once

#include <array>
#include <charconv>
#include <string>
#include <string_view>

#include "wire/codec.hpp"

namespace execo::detail {

/// Two digits for each byte.
std::string hex_of(const bytes16& bytes);
/// Pre: two digits for each byte.
template <std::size_t Size>
std::array<char, Size> bytes_of_hex(std::string_view digits) {
  std::array<char, Size> made{};
  for (std::size_t i = 0; i < Size; ++i) {
    unsigned value = 0;
    (void)std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, value, 16);
    made[i] = static_cast<char>(value);
  }
  return made;
}
/// Nobody can guess it. Throws: as random_hex().
bytes16 random_bytes16();

}  // namespace execo::detail
