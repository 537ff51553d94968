#include "tree/hex.hpp"

#include "base/random.hpp"

namespace execo::detail {

std::string hex_of(const bytes16& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (char c : bytes) {
    auto value = static_cast<unsigned char>(c);
    text += digits[value >> 4];
    text += digits[value & 15];
  }
  return text;
}

bytes16 random_bytes16() {
  return bytes_of_hex<std::tuple_size_v<bytes16>>(random_hex(std::tuple_size_v<bytes16>));
}

}  // namespace execo::detail
