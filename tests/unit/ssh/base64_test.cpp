#include "ssh/base64.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace execo::detail {
namespace {

// RFC 4648, section 10.
const std::vector<std::pair<std::string, std::string>> vectors{
    {"f", "Zg=="},        {"fo", "Zm8="},        {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

TEST(base64, agrees_with_the_vectors_of_its_rfc_in_both_directions) {
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  EXPECT_EQ(to_base64(""), "");
}

TEST(base64, is_read_without_its_padding) {
  for (const auto& [bytes, text] : vectors)
    EXPECT_EQ(from_base64(text.substr(0, text.find('='))), bytes);
}

TEST(base64, keeps_every_byte) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  for (std::size_t size = 1; size <= all.size(); ++size)
    EXPECT_EQ(from_base64(to_base64(all.substr(0, size))), all.substr(0, size));
}

TEST(base64, is_nothing_where_the_text_is_something_else) {
  for (const char* text :
       {"", "=", "====", "Zg==Zg==", "Zm9v!", " Zm9v", "Zm9v ", "Zm9v\n", "Zm-v", "Zm_v", "A"})
    EXPECT_EQ(from_base64(text), "") << '"' << text << '"';
  EXPECT_EQ(from_base64(std::string_view("Zm\0v", 4)), "");
}

}  // namespace
}  // namespace execo::detail
