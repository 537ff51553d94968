// The search below expect: pieces, order, context, and how much of the text it looks at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "long_count.hpp"
#include "process/regex.hpp"

namespace execo::detail {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A stream that comes in pieces, and what was matched in it.
class searched {
 public:
  explicit searched(std::vector<const char*> patterns, std::size_t backtrack = 4096)
      : search(backtrack) {
    for (const char* p : patterns) all_.push_back(std::make_unique<regex>(p));
  }
  std::size_t size() const { return all_.size(); }
  const regex& operator[](std::size_t i) const { return *all_[i]; }

  searched& add(std::string_view piece) {
    text_ += piece;
    return *this;
  }
  bool find() { return search.find(*this, text_, cursor_, cursor_); }
  /// "1:text", used up; empty without a match.
  std::string take() {
    if (!find()) return {};
    const text_range whole = search.found().ranges[0];
    cursor_ = whole.end;
    search.restart(cursor_);
    return std::to_string(search.found().pattern) + ":" +
           text_.substr(whole.begin, whole.end - whole.begin);
  }
  std::string group(std::size_t n) const {
    const text_range& r = search.found().ranges[n];
    return r.begin == text_range::none ? "none" : text_.substr(r.begin, r.end - r.begin);
  }

  incremental_search search;

 private:
  std::vector<std::unique_ptr<regex>> all_;
  std::string text_;
  std::size_t cursor_ = 0;
};

TEST(incremental_search, finds_a_match_that_comes_in_single_bytes) {
  searched s({"login: $"});
  std::string text = "Welcome\r\nlogin:";
  for (char c : text) EXPECT_EQ(s.add(std::string_view(&c, 1)).take(), "");
  EXPECT_EQ(s.add(" ").take(), "0:login: ");
  EXPECT_EQ(s.take(), "");
}

TEST(incremental_search, the_match_that_begins_first_wins_then_the_pattern_named_first) {
  searched s({"late", "early", "ear"});
  s.add("early and late, ear");
  EXPECT_EQ(s.take(), "1:early");
  EXPECT_EQ(s.take(), "0:late");
  EXPECT_EQ(s.take(), "2:ear");
}

TEST(incremental_search, what_was_used_up_is_context_and_no_match) {
  searched s({"^b", "\\bc", "ab"});
  s.add("aab");
  EXPECT_EQ(s.take(), "2:ab");
  EXPECT_EQ(s.add("bc").take(), "") << "neither begins a line or a word";
  EXPECT_EQ(s.add("\nb c").take(), "0:b");
  EXPECT_EQ(s.take(), "1:c");
}

TEST(incremental_search, a_match_is_found_again_until_it_is_used_up) {
  searched s({"a(b)?(c)?"}, 2);
  s.add("xxxxxxxx");
  EXPECT_FALSE(s.find());
  s.add("ac");
  EXPECT_TRUE(s.find());
  EXPECT_TRUE(s.find());
  EXPECT_EQ(s.group(1), "none");
  EXPECT_EQ(s.group(2), "c");
  EXPECT_EQ(s.take(), "0:ac");
  EXPECT_FALSE(s.find());
}

// In a class, repeated, in either case: where a reading by bytes takes each for two characters.
TEST(incremental_search, characters_beyond_ascii_are_characters) {
  for (const char* pattern :
       {"b[é]r", "b[à-ü]r", "(?i)BÉR", "b(?i:É)r", "b[^à]r", "béè*r", "b\\p{L}r", "b\\P{N}r"}) {
    searched s({pattern, "é"});
    EXPECT_EQ(s.add("b\xc3").take(), "") << pattern;
    EXPECT_EQ(s.add("\xa9r").take(), "0:bér") << pattern;
  }
  EXPECT_EQ(searched({"é+$"}).add("éé").take(), "0:éé");
  EXPECT_EQ(searched({"[é]"}).add("à").take(), "") << "it shares a byte";
  EXPECT_EQ(searched({"é."}).add("éà").take(), "0:éà");
  EXPECT_EQ(searched({"b\\\\p.r"}).add("b\\p\xe9r").take(), "0:b\\p\xe9r") << "no class";
}

// A pattern that is no UTF-8 was written for output that is none.
TEST(incremental_search, bytes_beyond_ascii_that_are_no_characters_stay_bytes) {
  EXPECT_EQ(searched({"b[\xe9\xe8]r"}).add("b\xe8r").take(), "0:b\xe8r");
  EXPECT_EQ(searched({"b[\\xe9\\xe8]r"}).add("b\xe8r").take(), "0:b\xe8r");
  EXPECT_EQ(searched({"é\\C"}).add("\xff\xc3\xa9\xff").take(), "0:é\xff");
}

TEST(incremental_search, bytes_are_matched_whatever_they_are) {
  using namespace std::string_literals;
  searched s({"\\x00(.)\\xff", "\xc3\xa9"});
  s.add("\0"s).add("\x80").add("\xff\xfe");
  EXPECT_EQ(s.take(), "0:\0\x80\xff"s);
  EXPECT_EQ(s.add("caf\xc3").take(), "");
  EXPECT_EQ(s.add("\xa9").take(), "1:\xc3\xa9");
}

TEST(incremental_search, a_match_in_pieces_begins_at_most_the_backtrack_before_its_last_piece) {
  for (std::size_t between : {8U, 9U}) {
    searched s({"<\\.*>"}, 9);
    s.add("xxxxxxxxxxxxx<" + std::string(between, '.'));
    EXPECT_EQ(s.take(), "");
    EXPECT_EQ(s.add(">").take().empty(), between == 9);
  }
  searched whole({"<\\.*>"}, 9);
  EXPECT_EQ(whole.add("<" + std::string(100, '.') + ">").take().size(), 104U) << "in one piece";
}

TEST(incremental_search, looks_at_each_byte_a_bounded_number_of_times) {
  const auto size = static_cast<std::size_t>(test::long_count(8 << 20)) / 4096 * 4096;
  const std::string text(size, 'a');
  for (std::size_t piece : {std::size_t{1}, std::size_t{4096}}) {
    const std::size_t backtrack = piece == 1 ? 16 : 4096;
    searched s({"a+b", "login: "}, backtrack);
    std::string_view rest = text;
    for (; !rest.empty(); rest.remove_prefix(piece))
      ASSERT_FALSE(s.add(rest.substr(0, piece)).find());
    EXPECT_LE(s.search.examined(), 2 * (size + size / piece * backtrack));
  }
}

TEST(incremental_search, hostile_text_costs_no_more_than_other_text) {
  searched s({"(a+)+$x", "(\\w+)*:", "(.*)(.*)(.*)(.*)(.*)!"});
  const std::string text(std::size_t{1} << 18, 'a');
  EXPECT_FALSE(s.add(text).find());  // what backtracks would take longer than the test may
}

TEST(regex, refuses_what_is_no_pattern_and_says_which) {
  const std::string groups = [] {
    std::string text;
    for (int i = 0; i < 33; ++i) text += "(a)";
    return text;
  }();
  struct {
    std::string pattern, why;
  } const cases[] = {{"a(b", "missing"},
                     {"", "the empty text"},
                     {"x*", "the empty text"},
                     {"$", "the empty text"},
                     {"(a)\\1", "escape"},
                     {"(?<=a)b", "invalid"},
                     {groups, "more than 32 groups"}};
  for (const auto& c : cases) {
    try {
      regex made(c.pattern);
      ADD_FAILURE() << c.pattern;
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), HasSubstr("'" + c.pattern + "'"));
      EXPECT_THAT(e.what(), HasSubstr(c.why));
    }
  }
}

}  // namespace
}  // namespace execo::detail
