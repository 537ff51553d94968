#include "base/random.hpp"

#include <errno.h>
#include <sys/random.h>

#include <array>
#include <cassert>
#include <span>
#include <system_error>

#include "base/hex.hpp"

namespace execo::detail {

std::string random_hex(std::size_t bytes) {
  std::array<char, 32> drawn;
  assert(bytes <= drawn.size());
  // Up to 256 bytes come whole: getrandom(2).
  if (::getrandom(drawn.data(), bytes, 0) != static_cast<ssize_t>(bytes))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return hex_of(std::span<const char>(drawn).first(bytes));
}

}  // namespace execo::detail
