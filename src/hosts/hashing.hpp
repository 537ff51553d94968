#pragma once

// Hashes for the tables of this folder: names come from the user's own inventory, so speed counts
// and resistance to chosen collisions does not.

#include <cstdint>
#include <cstring>
#include <string_view>

namespace execo::detail {

[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 32);
}

[[nodiscard]] inline std::uint64_t hash_text(std::string_view text) noexcept {
  std::uint64_t hash = text.size();
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    hash = mix(hash, word);
    text.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  if (!text.empty()) std::memcpy(&rest, text.data(), text.size());
  return mix(mix(hash, rest), 0x2545f4914f6cdd1dU);
}

}  // namespace execo::detail
