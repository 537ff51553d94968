#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace execo::cli {

std::string escape_breaks(std::string_view json) {
  std::string line;
  line.reserve(json.size());
  auto byte_at = [json](std::size_t i) {
    return i < json.size() ? static_cast<unsigned char>(json[i]) : 0U;
  };
  for (std::size_t i = 0; i < json.size(); ++i) {
    bool c1 = byte_at(i) == 0xc2 && byte_at(i + 1) < 0xa0;
    bool separator = json.substr(i, 2) == "\xe2\x80" && (byte_at(i + 2) | 1U) == 0xa9;
    if (byte_at(i) == 0x7f) {
      line += "\\u007f";
    } else if (c1) {
      line += fmt::format("\\u{:04x}", byte_at(++i));
    } else if (separator) {
      line += byte_at(i += 2) == 0xa8 ? "\\u2028" : "\\u2029";
    } else {
      line += json[i];
    }
  }
  return line;
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace execo::cli
