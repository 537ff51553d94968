#include "command_line/option_table.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace execo::command_line {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct heard {
  std::string calls;
};

void note(heard& to, const given_option& given) {
  to.calls += fmt::format("[{} {}]", given.spelled, given.value);
}

using known_option = option<heard>;

constexpr known_option known[] = {
    heading<heard>("Some options:"),
    {'w', "", "SET", "a set", note},
    {'u', "timeout", "DURATION", "a limit", note},
    {'b', "", "", "gather", note},
    {0, "progress", "WORD", "a line that is long enough to be broken in two by the help text",
     note},
    {0, "program", "", "begins as another one does", note},
    {'h', "help", "", "a question"},
};

constexpr known_option with_operand[] = {
    {0, "", "NODE", "an operand", note},
    {'x', "exclude", "NODE", "leave out", note},
};

scanned_arguments scan(const std::vector<const char*>& words, habits how = habits::command) {
  static const spec_list specs = specs_of<heard>(known);
  return scan_arguments(specs, words, how);
}

std::string complaint(const std::vector<const char*>& words, habits how = habits::command) {
  try {
    (void)scan(words, how);
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

TEST(arguments, the_first_word_that_is_no_option_begins_the_command) {
  auto found = scan({"-b", "uname", "-b", "--", "-w"});
  ASSERT_EQ(found.given.size(), 1u);
  EXPECT_THAT(found.words, ElementsAre("uname", "-b", "--", "-w"));
}

TEST(arguments, two_dashes_end_the_options) {
  auto found = scan({"-b", "--", "-w", "--"});
  ASSERT_EQ(found.given.size(), 1u);
  EXPECT_THAT(found.words, ElementsAre("-w", "--"));
}

TEST(arguments, one_dash_is_a_word) { EXPECT_THAT(scan({"-"}).words, ElementsAre("-")); }

TEST(arguments, values_with_commas_and_brackets_are_taken_as_they_are) {
  auto found = scan({"-w", "a[1-3,5],b", "-wc[1,2]", "--timeout=4s", "--timeout", "5s", "-u6"});
  std::vector<std::string> given;
  for (const given_option& o : found.given) given.push_back(o.spelled + " " + std::string(o.value));
  EXPECT_THAT(given,
              ElementsAre("-w a[1-3,5],b", "-w c[1,2]", "--timeout 4s", "--timeout 5s", "-u 6"));
  EXPECT_THAT(found.words, IsEmpty());
}

TEST(arguments, letters_without_values_may_stand_together) {
  auto found = scan({"-bw", "x", "-bwy"});
  ASSERT_EQ(found.given.size(), 4u);
  EXPECT_EQ(found.given[1].value, "x");
  EXPECT_EQ(found.given[3].value, "y");
}

TEST(arguments, an_empty_value_is_a_value) { EXPECT_EQ(scan({"-w", ""}).given[0].value, ""); }

TEST(arguments, an_unknown_option_is_named_with_the_one_that_was_meant) {
  EXPECT_THAT(complaint({"--tiemout", "4"}), HasSubstr("unknown option --tiemout: did you mean "
                                                       "--timeout?"));
  EXPECT_THAT(complaint({"--quite-another"}),
              HasSubstr("unknown option --quite-another: `--help`"));
  EXPECT_THAT(complaint({"-bz"}), HasSubstr("unknown option -z"));
  EXPECT_THAT(complaint({"--=3"}), HasSubstr("unknown option --"));
}

TEST(arguments, a_missing_value_is_a_mistake) {
  EXPECT_EQ(complaint({"-w"}), "-w needs a value: -w SET");
  EXPECT_EQ(complaint({"--timeout"}), "--timeout needs a value: --timeout DURATION");
  EXPECT_EQ(complaint({"-w", "-b"}), "-w needs a value, and '-b' looks like an option: -w SET");
}

TEST(arguments, help_is_at_most_80_columns_wide) {
  std::string help = option_help(specs_of<heard>(known));
  EXPECT_TRUE(help.starts_with("Some options:\n")) << help;
  EXPECT_THAT(help, HasSubstr("  -u, --timeout DURATION        a limit\n"));
  std::size_t start = 0;
  for (std::size_t end; (end = help.find('\n', start)) != help.npos; start = end + 1)
    EXPECT_LE(end - start, 80u) << help.substr(start, end - start);
}

TEST(arguments, words_may_be_shortened_where_operands_are_mixed_with_options) {
  auto found = scan({"--ti=4s", "word", "--ti", "-5"}, habits::operands);
  ASSERT_EQ(found.given.size(), 2u);
  EXPECT_EQ(found.given[0].spelled + found.given[0].value.data(), "--timeout4s");
  EXPECT_EQ(found.given[1].value, "-5") << "a value may begin with a dash there";
  EXPECT_THAT(found.words, ElementsAre("word"));
  EXPECT_EQ(complaint({"--prog", "x"}, habits::operands),
            "option --prog is ambiguous: --progress, --program");
  EXPECT_EQ(scan({"--program"}, habits::operands).given.size(), 1u) << "the whole word is meant";
  EXPECT_THAT(complaint({"--ti=4s"}), HasSubstr("unknown option --ti"));
}

TEST(arguments, a_value_where_none_is_taken_is_a_mistake) {
  EXPECT_EQ(complaint({"--program=1"}), "--program takes no value: leave out '='");
}

TEST(arguments, a_value_that_may_be_missing_comes_with_its_option) {
  constexpr option_spec become(0, "become", "[=USER]", "as another user");
  const spec_list one{&become};
  std::vector<const char*> words{"--become=www", "--become", "root"};
  auto found = scan_arguments(one, words, habits::command);
  ASSERT_EQ(found.given.size(), 2u);
  EXPECT_EQ(found.given[0].value, "www");
  EXPECT_EQ(found.given[1].value, "");
  EXPECT_THAT(found.words, ElementsAre("root"));
  EXPECT_THAT(option_help(one), HasSubstr("--become[=USER] "));
  std::vector<const char*> empty{"--become="};
  EXPECT_THROW((void)scan_arguments(one, empty, habits::command), usage_error);
}

TEST(option_tables, call_the_setters_from_left_to_right) {
  heard to;
  std::vector<const char*> words{"-b", "--timeout=1s", "-bw", "n1", "command", "-b"};
  auto parsed = parse<heard>(known, words, habits::command, to);
  EXPECT_EQ(to.calls, "[-b ][--timeout 1s][-b ][-w n1]");
  EXPECT_THAT(parsed.words, ElementsAre("command", "-b"));
  EXPECT_EQ(parsed.asked, question::none);
}

TEST(option_tables, give_operands_to_their_setter_in_their_place) {
  heard to;
  std::vector<const char*> words{"a", "-x", "b", "-", "--", "-x"};
  auto parsed = parse<heard>(with_operand, words, habits::operands, to);
  EXPECT_EQ(to.calls, "[NODE a][-x b][NODE -][NODE -x]");
  EXPECT_THAT(parsed.words, IsEmpty());
}

TEST(option_tables, stop_at_a_question) {
  heard to;
  std::vector<const char*> words{"-b", "-h", "-w", "n1"};
  auto parsed = parse<heard>(known, words, habits::command, to);
  EXPECT_EQ(parsed.asked, question::help);
  EXPECT_EQ(to.calls, "[-b ]");
}

}  // namespace
}  // namespace execo::command_line
