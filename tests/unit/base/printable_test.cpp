#include "execo/printable.hpp"

#include <gtest/gtest.h>

#include <random>

namespace execo::test {
namespace {

using namespace std::string_view_literals;

TEST(printable, control_characters_are_shown_and_tabs_stay) {
  EXPECT_EQ(printable("\x1b[31mred\x07\r\n"), "^[[31mred^G^M^J");
  EXPECT_EQ(printable("a\0b\x7f\tc"sv), "a^@b^?\tc");
  for (int c = 0; c < ' '; ++c) {
    std::string shown = printable(std::string(1, static_cast<char>(c)));
    std::string caret = std::string("^") + static_cast<char>(c + '@');
    EXPECT_EQ(shown, c == '\t' ? "\t" : caret);
  }
}

TEST(printable, c1_controls_are_shown_in_both_their_forms) {
  for (int c = 0x80; c < 0xa0; ++c) {
    std::string byte(1, static_cast<char>(c));
    std::string shown = printable(byte);
    EXPECT_EQ(shown.substr(0, 2), "\\x");
    EXPECT_EQ(printable("\xc2" + byte), shown);
    EXPECT_EQ(printable_lines("\xc2" + byte), shown);
  }
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(printable("\xc2\xa0"), "\xc2\xa0");
}

TEST(printable, what_is_no_utf8_is_shown_byte_by_byte) {
  EXPECT_EQ(printable("\xc0\x80"), "\\xc0\\x80");                    // overlong
  EXPECT_EQ(printable("\xe0\x9f\xbf"), "\\xe0\\x9f\\xbf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");                    // cut short
  EXPECT_EQ(printable("\xc3("), "\\xc3(");
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
}

TEST(printable, characters_stay) {
  for (std::string_view text :
       {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"sv, "\xef\xbf\xbd"sv, "\xed\x9f\xbf"sv,
        "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"sv, "back\\slash"sv})
    EXPECT_EQ(printable(text), text);
}

TEST(printable, in_one_line_nothing_breaks_the_line_or_turns_it_round) {
  EXPECT_EQ(printable("a\xe2\x80\xa8"
                      "b\xe2\x80\xa9"
                      "c\xc2\x85"),
            "a\\u2028b\\u2029c\\x85");
  EXPECT_EQ(printable("\xe2\x80\xaetxt.exe\xe2\x81\xa6"), "\\u202etxt.exe\\u2066");
  EXPECT_EQ(printable("\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5"),
            "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5");
}

TEST(printable, in_several_lines_the_lines_stay) {
  EXPECT_EQ(printable_lines("a\nb\r\n\x1b[2J\xe2\x80\xa8"), "a\nb^M\n^[[2J\xe2\x80\xa8");
}

TEST(printable, long_text_is_cut_between_characters) {
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abc...");
  EXPECT_EQ(printable("ab\xe2\x82\xac"
                      "defg",
                      7),
            "ab...");
  EXPECT_EQ(printable("\x1b\x1b\x1b\x1b", 7), "^[^[...");
  EXPECT_EQ(printable("abcdefg", 2), "..");
  EXPECT_EQ(printable("a", 0), "");
}

TEST(printable, bytes_that_are_no_utf8_can_be_replaced) {
  EXPECT_EQ(repaired_utf8("a\xff\xc3\xa9\xed\xa0\x80z"),
            "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

TEST(printable, any_bytes_become_utf8_without_controls_and_stay_so) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random() % 3 == 0 ? 0x7e + random() % 0x80 : random());
    for (const std::string& text : {printable(bytes), printable(bytes, 12)}) {
      ASSERT_TRUE(valid_utf8(text)) << seed;
      ASSERT_EQ(printable(text), text) << seed;
      ASSERT_EQ(text.find_first_of("\x1b\n\r\x7f"), text.npos) << seed;
    }
    ASSERT_LE(printable(bytes, 12).size(), 12U);
    ASSERT_TRUE(valid_utf8(repaired_utf8(bytes))) << seed;
  }
}

}  // namespace
}  // namespace execo::test
