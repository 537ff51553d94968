#include "base/random.hpp"

#include <errno.h>
#include <sys/random.h>

#include <array>
#include <cassert>
#include <string_view>
#include <system_error>

namespace execo::detail {

std::string random_hex(std::size_t bytes) {
  std::array<unsigned char, 32> drawn;
  assert(bytes <= drawn.size());
  // Up to 256 bytes come whole: getrandom(2).
  if (::getrandom(drawn.data(), bytes, 0) != static_cast<ssize_t>(bytes))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    text += digits[drawn[i] >> 4];
    text += digits[drawn[i] & 15];
  }
  return text;
}

}  // namespace execo::detail
