#include "wire/blake2b.hpp"

#include <gtest/gtest.h>

#include <string>

namespace execo::test {
namespace {

std::string digits_of(std::string_view bytes) {
  std::string digits;
  for (char byte : detail::blake2b128(bytes)) {
    constexpr std::string_view all = "0123456789abcdef";
    digits += all[static_cast<unsigned char>(byte) >> 4];
    digits += all[static_cast<unsigned char>(byte) & 15];
  }
  return digits;
}

std::string pattern(std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i * 7 + 3));
  return bytes;
}

// From Python's hashlib.blake2b(..., digest_size=16).
TEST(blake2b, has_the_digests_of_another_implementation) {
  EXPECT_EQ(digits_of("abc"), "cf4ab791c62b8d2b2109c90275287816");
  EXPECT_EQ(digits_of(""), "cae66941d9efbd404e4d88758ea67670");
  EXPECT_EQ(digits_of(pattern(1)), "71b186b851e866e71be237342976049a");
  EXPECT_EQ(digits_of(pattern(127)), "e00ab0ead4d729de8fbe7745d642e416");
  EXPECT_EQ(digits_of(pattern(128)), "8e0cf9bb1b36fa6c42aa6490f719b575");
  EXPECT_EQ(digits_of(pattern(129)), "6cefde50e4008690e61cf8225d101256");
  EXPECT_EQ(digits_of(pattern(256)), "ac60b0f8b3227af67328401630cd4dfa");
  EXPECT_EQ(digits_of(pattern(1000)), "add263669b4eb2158678a360fa6f007a");
}

}  // namespace
}  // namespace execo::test
