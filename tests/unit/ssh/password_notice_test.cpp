#include "ssh/password_notice.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace execo::test {
namespace {

using detail::password_notice;

constexpr std::string_view notice =
    "WARNING: Your password has expired.\nPassword change required but no TTY available.\n";
constexpr std::string_view in_terminal =
    "WARNING: Your password has expired.\r\nYou must change your password now and login again!\r\n";

bool is_found_in(std::string_view text, bool of_terminal = false) {
  password_notice whole(of_terminal), in_pieces(of_terminal);
  whole.feed(text);
  for (char c : text) in_pieces.feed(std::string_view(&c, 1));
  EXPECT_EQ(whole.found(), in_pieces.found()) << text;
  return whole.found();
}

TEST(password_notice, is_found_alone_and_behind_other_lines) {
  EXPECT_TRUE(is_found_in(notice));
  EXPECT_TRUE(
      is_found_in("You are required to change your password immediately.\n" + std::string(notice)));
  EXPECT_TRUE(is_found_in("WARNING: Your passwords\n" + std::string(notice)));
  EXPECT_TRUE(is_found_in("WARNING: Your password has expired.\n" + std::string(notice)));
}

TEST(password_notice, is_not_found_in_what_a_command_says_of_it) {
  EXPECT_FALSE(is_found_in(""));
  EXPECT_FALSE(is_found_in(notice.substr(0, notice.size() - 1)));
  EXPECT_FALSE(is_found_in("log: " + std::string(notice)));
  EXPECT_FALSE(is_found_in(std::string(notice) + "and more"));
  EXPECT_FALSE(is_found_in(in_terminal));
}

TEST(password_notice, is_not_looked_for_behind_much_else) {
  std::string much;
  for (int i = 0; i < 100; ++i) much += "one of a hundred lines that come before it\n";
  EXPECT_FALSE(is_found_in(much + std::string(notice)));
  EXPECT_TRUE(is_found_in(much.substr(0, 2150) + std::string(notice)));
}

TEST(password_notice, of_a_terminal_is_followed_by_the_questions_of_passwd) {
  EXPECT_TRUE(is_found_in(in_terminal, true));
  EXPECT_TRUE(is_found_in(std::string(in_terminal) + "Changing password for a.\r\n", true));
  EXPECT_FALSE(is_found_in(notice, true));
}

}  // namespace
}  // namespace execo::test
