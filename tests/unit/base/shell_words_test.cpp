#include "base/shell_words.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <random>
#include <stdexcept>

#include "execo/process.hpp"
#include "execo/sync_wait.hpp"

namespace execo::test {
namespace {

using detail::is_inert;
using detail::join_quoted;
using detail::login_shell_text;
using detail::quote_word;
using detail::split_words;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(shell_words, blanks_separate_and_are_not_kept) {
  EXPECT_THAT(split_words("ls -l  /tmp"), ElementsAre("ls", "-l", "/tmp"));
  EXPECT_THAT(split_words("  a\tb\nc  "), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_words(""), IsEmpty());
  EXPECT_THAT(split_words(" \t\n"), IsEmpty());
}

TEST(shell_words, quotes_keep_blanks_and_join_with_their_neighbours) {
  EXPECT_THAT(split_words("'a b' \"c d\""), ElementsAre("a b", "c d"));
  EXPECT_THAT(split_words("a'b c'd\"e f\"g"), ElementsAre("ab cde fg"));
  EXPECT_THAT(split_words("'' \"\" x"), ElementsAre("", "", "x"));
}

TEST(shell_words, single_quotes_keep_everything) {
  EXPECT_THAT(split_words(R"('a\b$c`"')"), ElementsAre(R"(a\b$c`")"));
}

TEST(shell_words, in_double_quotes_a_backslash_quotes_only_what_posix_says) {
  EXPECT_THAT(split_words(R"("\$ \` \" \\ \a \n")"), ElementsAre(R"($ ` " \ \a \n)"));
  EXPECT_THAT(split_words("\"a\\\nb\""), ElementsAre("ab"));
}

TEST(shell_words, outside_quotes_a_backslash_quotes_any_character) {
  EXPECT_THAT(split_words(R"(a\ b \'c \\ \d)"), ElementsAre("a b", "'c", "\\", "d"));
  EXPECT_THAT(split_words("a\\\nb"), ElementsAre("ab"));
}

TEST(shell_words, a_continued_line_makes_no_empty_word) {
  EXPECT_THAT(split_words("make \\\n  -j8"), ElementsAre("make", "-j8"));
  EXPECT_THAT(split_words("\\\n"), IsEmpty());
}

TEST(shell_words, nothing_is_expanded) {
  EXPECT_THAT(split_words("$HOME *.c ~ `id` a;b #c"),
              ElementsAre("$HOME", "*.c", "~", "`id`", "a;b", "#c"));
}

TEST(shell_words, an_unclosed_quote_is_refused_and_named) {
  for (const char* text : {"echo 'a", "echo \"a", "\"", "'", "a\"b'c'\\\""}) {
    try {
      (void)split_words(text);
      FAIL() << text;
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), ::testing::HasSubstr("unclosed"));
    }
  }
}

TEST(shell_words, plain_words_are_not_quoted) {
  EXPECT_EQ(quote_word("/usr/bin/make"), "/usr/bin/make");
  EXPECT_EQ(quote_word("-j8"), "-j8");
  EXPECT_EQ(quote_word("user@host:1,2+3"), "user@host:1,2+3");
  EXPECT_EQ(quote_word("--prefix=/usr"), "--prefix=/usr");
}

TEST(shell_words, words_that_a_shell_would_not_take_as_they_are_get_quotes) {
  EXPECT_EQ(quote_word(""), "''");
  EXPECT_EQ(quote_word("a b"), "'a b'");
  EXPECT_EQ(quote_word("it's"), "'it'\\''s'");
  // Inside single quotes fish would read the backslash, csh the exclamation mark.
  EXPECT_EQ(quote_word("a\\b!"), "'a'\\\\'b'\\!");
  EXPECT_EQ(quote_word("%self"), "'%self'");
  EXPECT_EQ(quote_word("=ls"), "'=ls'");
  // As the first word these would be an assignment and a reserved word.
  EXPECT_EQ(quote_word("NAME=value"), "'NAME=value'");
  EXPECT_EQ(quote_word("if"), "'if'");
}

std::string random_word(std::mt19937_64& random, bool printable) {
  std::string word(random() % 24, '\0');
  const std::string nasty = " \t\n'\"\\$`*?[]{}()<>|&;#~!=^%-";
  for (char& c : word) {
    if (random() % 2 == 0) {
      c = nasty[random() % nasty.size()];
    } else {
      c = static_cast<char>(printable ? 33 + random() % 94 : 1 + random() % 255);
    }
  }
  return word;
}

TEST(shell_words, what_was_quoted_is_read_back_for_any_bytes_but_nul) {
  const auto seed = std::random_device()();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> words(1 + random() % 5);
    for (std::string& w : words) w = random_word(random, false);
    ASSERT_EQ(split_words(join_quoted(words)), words) << "seed " << seed << " round " << round;
  }
}

TEST(shell_words, a_real_shell_reads_back_what_was_quoted) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  std::vector<std::string> words;
  for (int i = 0; i < 500; ++i) words.push_back(random_word(random, false));
  std::string expected;
  for (const std::string& w : words) expected += w + '\x01';
  auto r = sync_wait(process("printf '%s\\001' " + join_quoted(words)).shell().run());
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out, expected) << "seed " << seed;
}

// csh takes no word of more than 8 KiB, and no newline in one.
TEST(shell_words, a_long_text_reaches_sh_through_any_shell_in_short_words) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += "\xc3\xa9 'it' isn't! $x `y` \"z\"\n";
  const std::string line = login_shell_text({"printf", "%s", text});
  for (const char* shell : {"/bin/sh", "/bin/csh", "/bin/tcsh", "/usr/bin/fish"}) {
    if (::access(shell, X_OK) != 0) continue;
    auto r = sync_wait(process(command{shell, "-c", line}).run());
    EXPECT_EQ(r.out, text) << shell << ": " << r.err;
  }
}

TEST(shell_words, text_without_a_meaning_is_letters_digits_and_few_signs) {
  EXPECT_TRUE(is_inert(""));
  EXPECT_TRUE(is_inert("me@node-1.example:22,a=b/c+d_e"));
  for (int c = 1; c < 256; ++c) {
    const std::string text(1, static_cast<char>(c));
    const bool is_letter = c < 128 && std::isalnum(c) != 0;
    const bool is_sign = c < 128 && std::string_view("_@+=:,./-").find(text) != std::string::npos;
    EXPECT_EQ(is_inert(text), is_letter || is_sign) << c;
  }
}

TEST(shell_words, a_real_shell_splits_as_we_do) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  // Without what a shell expands or gives a meaning to.
  const std::string alphabet = "ab \t'\"\\\n";
  for (int round = 0; round < 60; ++round) {
    std::string text(random() % 16, ' ');
    for (char& c : text) c = alphabet[random() % alphabet.size()];
    std::vector<std::string> ours;
    try {
      ours = split_words("x " + text + " y");
    } catch (const std::invalid_argument&) {
      continue;
    }
    // A newline ends a command, except where it is quoted or escaped: one line at a time.
    std::string mine;
    for (const std::string& w : ours) mine += w + '\x01';
    if (text.find('\n') != std::string::npos) continue;
    auto r = sync_wait(process("printf '%s\\001' x " + text + " y").shell().run());
    EXPECT_EQ(r.out, mine) << "seed " << seed << " text <" << text << ">";
  }
}

}  // namespace
}  // namespace execo::test
