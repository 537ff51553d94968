// Sizes as users write them.
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace execo::detail {

/// Bytes: a number, with K, M or G for its powers of 1024.
/// Throws: std::invalid_argument that says what was expected.
inline std::size_t parse_bytes(std::string_view text) {
  std::size_t value = 0;
  const char* end = text.data() + text.size();
  auto [stopped, error] = std::from_chars(text.data(), end, value);
  std::string_view unit(stopped, static_cast<std::size_t>(end - stopped));
  constexpr std::array<std::pair<std::string_view, int>, 7> units{
      {{"", 0}, {"K", 10}, {"k", 10}, {"M", 20}, {"m", 20}, {"G", 30}, {"g", 30}}};
  for (auto [name, shift] : units)
    if (error == std::errc() && unit == name &&
        value <= std::numeric_limits<std::size_t>::max() >> shift)
      return value << shift;
  throw std::invalid_argument("expected bytes: 4096, 64K, 1M or 1G");
}

}  // namespace execo::detail
