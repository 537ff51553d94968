#include "text.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

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
    // Valid UTF-8: the character that begins here is complete.
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
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and a NUL
  int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                               reinterpret_cast<const unsigned char*>(bytes.data()),
                               static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace execo::cli
