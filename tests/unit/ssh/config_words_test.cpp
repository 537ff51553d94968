#include "ssh/config_words.hpp"

#include <gtest/gtest.h>

namespace execo::detail {
namespace {

using words = std::vector<std::string>;

words taken(std::string_view text) {
  words found;
  for (std::string one; !(one = take_config_word(text)).empty();) found.push_back(one);
  return found;
}

TEST(config_words, a_keyword_ends_at_a_blank_a_quote_or_one_equals_sign) {
  EXPECT_EQ(taken("User bob"), (words{"User", "bob"}));
  EXPECT_EQ(taken("User=bob"), (words{"User", "bob"}));
  EXPECT_EQ(taken("User \t= \tbob"), (words{"User", "bob"}));
  EXPECT_EQ(taken("\"User\" \"b c\""), (words{"User", "b c"}));
  EXPECT_EQ(taken("a\"b c\"d"), (words{"ab c", "d"}));
}

TEST(config_words, a_quote_without_end_leaves_nothing) {
  std::string_view rest = "\"User bob";
  EXPECT_EQ(take_config_word(rest), "");
  EXPECT_EQ(rest, "");
}

TEST(config_words, values_have_both_quotes_and_few_escapes) {
  EXPECT_EQ(split_config_words("a 'b c' \"d e\"f"), (words{"a", "b c", "d ef"}));
  EXPECT_EQ(split_config_words("a\\ b \\\" \\\\ \\n"), (words{"a b", "\"", "\\", "\\n"}));
  EXPECT_EQ(split_config_words("'a\\'b' \"c\\ d\""), (words{"a'b", "c\\ d"}));
  EXPECT_EQ(split_config_words("''"), (words{""}));
  EXPECT_EQ(split_config_words("a\\"), (words{"a\\"}));
}

TEST(config_words, a_comment_begins_where_a_word_would) {
  EXPECT_EQ(split_config_words("a#b #c"), (words{"a#b"}));
  EXPECT_EQ(split_config_words("# c"), words{});
}

TEST(config_words, a_quote_without_end_is_no_list_of_words) {
  EXPECT_EQ(split_config_words("a 'b"), std::nullopt);
  EXPECT_EQ(split_config_words("a b\""), std::nullopt);
}

}  // namespace
}  // namespace execo::detail
