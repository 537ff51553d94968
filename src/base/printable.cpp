#include "execo/printable.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <iterator>

namespace execo {
namespace {

constexpr std::string_view ellipsis = "...";

unsigned char byte_at(std::string_view bytes, std::size_t at) noexcept {
  return static_cast<unsigned char>(bytes[at]);
}

bool continues(std::string_view bytes, std::size_t at) noexcept {
  return at < bytes.size() && (byte_at(bytes, at) & 0xc0) == 0x80;
}

// The length of the UTF-8 character at the start, 0 if there is none: Unicode 15, table 3-7.
std::size_t utf8_length(std::string_view bytes) noexcept {
  unsigned first = byte_at(bytes, 0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4 || !continues(bytes, 1)) return 0;
  if (first < 0xe0) return 2;
  unsigned second = byte_at(bytes, 1);
  bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  bool no_character = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  if (overlong || no_character || !continues(bytes, 2)) return 0;
  if (first < 0xf0) return 3;
  return continues(bytes, 3) ? 4 : 0;
}

// The separators U+2028 and U+2029, and the marks of direction U+202A to U+202E and U+2066 to
// U+2069, with which a line may look like another; 0 for any other character.
unsigned misleading(std::string_view character) noexcept {
  if (character.size() != 3 || byte_at(character, 0) != 0xe2) return 0;
  unsigned point = 0x2000U | (byte_at(character, 1) & 0x3fU) << 6 | (byte_at(character, 2) & 0x3fU);
  bool found = (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return found ? point : 0;
}

enum class breaks : std::uint8_t { shown, kept };

// What is shown for the character at the start, which is `length` bytes long; 0 for no character.
// `room` is for what has to be written in another way.
std::string_view shown(std::string_view bytes, std::size_t length, breaks of_lines,
                       std::array<char, 8>& room) {
  unsigned first = byte_at(bytes, 0);
  auto written = [&room](const auto& end) {
    return std::string_view(room.data(), static_cast<std::size_t>(end - room.data()));
  };
  bool c1 = length == 2 && first == 0xc2 && byte_at(bytes, 1) < 0xa0;
  if (length == 0 || c1)
    return written(fmt::format_to(room.data(), "\\x{:02x}", byte_at(bytes, c1 ? 1 : 0)));
  bool kept = first == '\t' || (first == '\n' && of_lines == breaks::kept);
  if (length == 1 && !kept && (first < ' ' || first == 0x7f))
    return written(fmt::format_to(room.data(), "^{:c}", static_cast<char>(first ^ 0x40)));
  unsigned point = of_lines == breaks::shown ? misleading(bytes.substr(0, length)) : 0;
  if (point != 0) return written(fmt::format_to(room.data(), "\\u{:04x}", point));
  return bytes.substr(0, length);
}

std::string made_printable(std::string_view bytes, breaks of_lines, std::size_t max_size) {
  std::string text;
  std::size_t cut_at = 0;  // where "..." still has room
  std::array<char, 8> room;
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    std::string_view next = shown(bytes, length, of_lines, room);
    if (next.size() > max_size - text.size()) {
      text.resize(cut_at);
      return text.append(ellipsis.substr(0, max_size));
    }
    text += next;
    if (text.size() + ellipsis.size() <= max_size) cut_at = text.size();
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace

std::string printable(std::string_view bytes, std::size_t max_size) {
  return made_printable(bytes, breaks::shown, max_size);
}

std::string printable_lines(std::string_view bytes) {
  return made_printable(bytes, breaks::kept, std::string::npos);
}

bool valid_utf8(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string repaired_utf8(std::string_view bytes) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string text;
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    text += length == 0 ? replacement : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return text;
}

}  // namespace execo
