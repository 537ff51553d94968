#include "cli/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace execo::cli {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;

TEST(text, what_a_terminal_would_act_on_is_made_visible) {
  EXPECT_EQ(visible("\x1b[31mred\x07\r\n"), "^[[31mred^G^M^J");
  EXPECT_EQ(visible("a\0b\x7f"sv), "a^@b^?");
  EXPECT_EQ(visible("\xc2\x9b"
                    "0m"),
            "\\x9b0m");
  EXPECT_EQ(visible("\x9b"), "\\x9b");
}

TEST(text, what_is_harmless_stays) {
  EXPECT_EQ(visible("tab\t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "tab\t\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(visible("a\nb\n", true), "a\nb\n");
}

TEST(text, utf8_is_told_from_other_bytes) {
  EXPECT_TRUE(valid_utf8(""));
  EXPECT_TRUE(valid_utf8("plain \0 \x7f"sv));
  EXPECT_TRUE(valid_utf8("\xef\xbf\xbf\xf4\x8f\xbf\xbf\xed\x9f\xbf\xc2\x80\xe0\xa0\x80"));
  for (std::string_view bad :
       {"\x80"sv, "\xc0\x80"sv, "\xc1\xbf"sv, "\xe0\x9f\xbf"sv, "\xed\xa0\x80"sv,
        "\xf0\x8f\xbf\xbf"sv, "\xf4\x90\x80\x80"sv, "\xf5\x80\x80\x80"sv, "\xff"sv, "\xe2\x82"sv,
        "\xc3"sv, "\xe2\x82z"sv})
    EXPECT_FALSE(valid_utf8(bad)) << visible(bad);
}

TEST(text, base64_is_that_of_rfc_4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(text, lines_end_in_lf_or_cr_lf_and_the_last_may_not_end) {
  std::vector<std::string> lines;
  for_each_line("a\r\n\nb\rc\nlast\r", [&](std::string_view l) { lines.emplace_back(l); });
  EXPECT_THAT(lines, ElementsAre("a", "", "b\rc", "last\r"));
}

}  // namespace
}  // namespace execo::cli
