#include "text.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace execo::cli {
namespace {

bool continues(std::string_view bytes, std::size_t at) noexcept {
  return at < bytes.size() && (static_cast<unsigned char>(bytes[at]) & 0xc0) == 0x80;
}

// The length of the UTF-8 character at the start, 0 if there is none: Unicode 15, table 3-7.
std::size_t utf8_length(std::string_view bytes) noexcept {
  auto first = static_cast<unsigned char>(bytes[0]);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(bytes, 1)) return 0;
  if (first < 0xe0) return 2;
  auto second = static_cast<unsigned char>(bytes[1]);
  bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool no_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  if (overlong || no_character || !continues(bytes, 2)) return 0;
  if (first < 0xf0) return 3;
  return continues(bytes, 3) ? 4 : 0;
}

}  // namespace

std::string visible(std::string_view bytes, bool keep_newlines) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    auto first = static_cast<unsigned char>(bytes[0]);
    bool kept = first == '\t' || (first == '\n' && keep_newlines);
    bool c1 = length == 2 && first == 0xc2 && static_cast<unsigned char>(bytes[1]) < 0xa0;
    if (length == 0 || c1) {
      length = length == 0 ? 1 : length;
      fmt::format_to(std::back_inserter(text), "\\x{:02x}",
                     static_cast<unsigned char>(bytes[length - 1]));
    } else if (length == 1 && !kept && (first < ' ' || first == 0x7f)) {
      text += '^';
      text += static_cast<char>(first ^ 0x40);
    } else {
      text.append(bytes.substr(0, length));
    }
    bytes.remove_prefix(length);
  }
  return text;
}

bool valid_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
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
