// IPv4 addresses as text.
#pragma once

#include <netinet/in.h>

#include <array>
#include <charconv>
#include <cstring>
#include <string>

namespace execo::detail {

/// What inet_ntop() writes, without the printf() in it: most hosts have such an address.
inline std::string dotted_quad(const in_addr& address) {
  std::array<unsigned char, sizeof address.s_addr> bytes;
  std::memcpy(bytes.data(), &address.s_addr, bytes.size());
  std::array<char, INET_ADDRSTRLEN> text;
  char* end = text.data();
  for (unsigned byte : bytes) {
    if (end != text.data()) *end++ = '.';
    end = std::to_chars(end, text.data() + text.size(), byte).ptr;
  }
  return std::string(text.data(), end);
}

}  // namespace execo::detail
