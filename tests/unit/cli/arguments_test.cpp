#include "cli/arguments.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace execo::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::array<option_spec, 4> known{{
    {1, 'w', "", "SET", "a set"},
    {2, 'u', "timeout", "DURATION", "a limit"},
    {3, 'b', "", "", "gather"},
    {4, 0, "progress", "WORD", "a line that is long enough to be broken in two by the help text"},
}};

scanned_arguments scan(const std::vector<const char*>& words) {
  return scan_arguments(known, words);
}

std::string complaint(const std::vector<const char*>& words) {
  try {
    (void)scan(words);
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

TEST(arguments, the_first_word_that_is_no_option_begins_the_command) {
  auto found = scan({"-b", "uname", "-b", "--", "-w"});
  ASSERT_EQ(found.options.size(), 1u);
  EXPECT_THAT(found.words, ElementsAre("uname", "-b", "--", "-w"));
}

TEST(arguments, two_dashes_end_the_options) {
  auto found = scan({"-b", "--", "-w", "--"});
  ASSERT_EQ(found.options.size(), 1u);
  EXPECT_THAT(found.words, ElementsAre("-w", "--"));
}

TEST(arguments, one_dash_is_a_word) { EXPECT_THAT(scan({"-"}).words, ElementsAre("-")); }

TEST(arguments, values_with_commas_and_brackets_are_taken_as_they_are) {
  auto found = scan({"-w", "a[1-3,5],b", "-wc[1,2]", "--timeout=4s", "--timeout", "5s", "-u6"});
  std::vector<std::string> given;
  for (const given_option& o : found.options)
    given.push_back(o.spelled + " " + std::string(o.value));
  EXPECT_THAT(given,
              ElementsAre("-w a[1-3,5],b", "-w c[1,2]", "--timeout 4s", "--timeout 5s", "-u 6"));
  EXPECT_THAT(found.words, IsEmpty());
}

TEST(arguments, letters_without_values_may_stand_together) {
  auto found = scan({"-bw", "x", "-bwy"});
  ASSERT_EQ(found.options.size(), 4u);
  EXPECT_EQ(found.options[1].value, "x");
  EXPECT_EQ(found.options[3].value, "y");
}

TEST(arguments, an_empty_value_is_a_value) { EXPECT_EQ(scan({"-w", ""}).options[0].value, ""); }

TEST(arguments, an_unknown_option_is_named_with_the_one_that_was_meant) {
  EXPECT_THAT(complaint({"--tiemout", "4"}), HasSubstr("unknown option --tiemout: did you mean "
                                                       "--timeout?"));
  EXPECT_THAT(complaint({"--quite-another"}),
              HasSubstr("unknown option --quite-another: `--help`"));
  EXPECT_THAT(complaint({"-bz"}), HasSubstr("unknown option -z"));
  EXPECT_THAT(complaint({"--=3"}), HasSubstr("unknown option --"));
}

TEST(arguments, a_missing_value_is_told) {
  EXPECT_EQ(complaint({"-w"}), "-w needs a value: -w SET");
  EXPECT_EQ(complaint({"--timeout"}), "--timeout needs a value: --timeout DURATION");
  EXPECT_EQ(complaint({"-w", "-b"}), "-w needs a value, and '-b' looks like an option: -w SET");
}

TEST(arguments, help_is_at_most_80_columns_wide) {
  std::string help = option_help(known);
  EXPECT_THAT(help, HasSubstr("  -u, --timeout DURATION        a limit\n"));
  std::size_t start = 0;
  for (std::size_t end; (end = help.find('\n', start)) != help.npos; start = end + 1)
    EXPECT_LE(end - start, 80u) << help.substr(start, end - start);
}

}  // namespace
}  // namespace execo::cli
