#pragma once

// An index is the digits between two pieces of a name's text, as written: 1, 01 and 001 are three
// indexes. Each has a key, its rank among all digit strings ordered by length, then text; negative
// numbers have their own value. So keys compare as indexes do, and a padded or unpadded range is a
// few intervals of keys. Longer strings than max_digits have no key: they stay text.

#include <array>
#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>

namespace execo::detail {

using index_key = std::int64_t;

inline constexpr int max_digits = 18;

inline constexpr auto powers_of_ten = [] {
  std::array<index_key, max_digits + 1> powers{1};
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

/// Key of the first index of `digits` digits (00...0); digits is 1 to max_digits + 1.
[[nodiscard]] constexpr index_key first_key(int digits) noexcept {
  index_key key = 0;
  for (int i = 1; i < digits; ++i) key += powers_of_ten[static_cast<std::size_t>(i)];
  return key;
}

inline constexpr auto first_keys = [] {
  std::array<index_key, max_digits + 2> keys{};
  for (int i = 1; i <= max_digits + 1; ++i) keys[static_cast<std::size_t>(i)] = first_key(i);
  return keys;
}();

/// Key of a number written with at least `digits` digits, with leading zeros. Pre: fits max_digits.
[[nodiscard]] constexpr index_key key_of(index_key value, int digits) noexcept {
  assert(digits > 0 && digits <= max_digits);
  return first_keys[static_cast<std::size_t>(digits)] + value;
}

/// How many digits a non-negative value has without padding.
[[nodiscard]] constexpr int digits_of(index_key value) noexcept {
  int digits = 1;
  while (digits < max_digits && value >= powers_of_ten[static_cast<std::size_t>(digits)]) ++digits;
  return digits;
}

/// How many digits the index of a key has. Pre: key >= 0.
[[nodiscard]] constexpr int width_of(index_key key) noexcept {
  assert(key >= 0);
  int digits = 1;
  while (digits < max_digits && key >= first_keys[static_cast<std::size_t>(digits) + 1]) ++digits;
  return digits;
}

/// The number that an index means.
[[nodiscard]] constexpr index_key value_of(index_key key) noexcept {
  return key < 0 ? key : key - first_keys[static_cast<std::size_t>(width_of(key))];
}

/// Whether the index has leading zeros.
[[nodiscard]] constexpr bool is_padded(index_key key) noexcept {
  if (key < 0) return false;
  const int width = width_of(key);
  return width > 1 && value_of(key) < powers_of_ten[static_cast<std::size_t>(width) - 1];
}

/// Pre: 1 to max_digits digits, nothing else.
[[nodiscard]] index_key key_from_digits(std::string_view digits) noexcept;

void append_index(std::string& out, index_key key);
[[nodiscard]] std::string index_text(index_key key);

}  // namespace execo::detail
