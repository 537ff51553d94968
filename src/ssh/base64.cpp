#include "ssh/base64.hpp"

#include <openssl/evp.h>

#include <limits>

namespace execo::detail {
namespace {

const unsigned char* octets(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// OpenSSL counts in int.
constexpr std::size_t max_text = std::numeric_limits<int>::max() / 2;

}  // namespace

std::string to_base64(std::string_view bytes) {
  if (bytes.size() > max_text) return {};
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and a NUL
  int size = ::EVP_EncodeBlock(octets(text), octets(bytes), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::string from_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  // EVP_DecodeBlock() skips blanks around it and takes padding anywhere.
  if (text.empty() || text.size() > max_text || text.find_first_not_of(digits) != text.npos)
    return {};
  std::string padded(text);
  padded.append((4 - text.size() % 4) % 4, '=');
  std::string bytes(padded.size() / 4 * 3, '\0');
  int size = ::EVP_DecodeBlock(octets(bytes), octets(padded), static_cast<int>(padded.size()));
  if (size < 0) return {};
  bytes.resize(text.size() * 3 / 4);  // it counts the padding as bytes
  return bytes;
}

}  // namespace execo::detail
