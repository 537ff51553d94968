#include "text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace execo::cli {

std::string escape_breaks(std::string_view json) {
  std::string line;
  line.reserve(json.size());
  std::size_t copied = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    auto byte = static_cast<unsigned char>(json[i]);
    if (byte < 0x7f) continue;
    // Valid UTF-8: what begins here is whole.
    unsigned point = byte == 0x7f ? byte : 0;
    std::size_t size = byte == 0x7f ? 1 : byte == 0xc2 ? 2 : 3;
    std::string_view character = json.substr(i, size);
    if (byte == 0xc2 && character < "\xc2\xa0") point = static_cast<unsigned char>(character[1]);
    if (character == "\xe2\x80\xa8") point = 0x2028;
    if (character == "\xe2\x80\xa9") point = 0x2029;
    if (point == 0) continue;
    line.append(json.substr(copied, i - copied));
    line += fmt::format("\\u{:04x}", point);
    i += size - 1;
    copied = i + 1;
  }
  line.append(json.substr(copied));
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
