// The command lines of nodeset and clubak, which are ClusterShell's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/clubak_options.hpp"
#include "cli/nodeset_options.hpp"
#include "command_line/usage_error.hpp"
#include "help_check.hpp"

namespace execo::cli {
namespace {

using command_line::usage_error;
using testing::StartsWith;

template <class Options>
Options parse(std::vector<const char*> words) {
  words.insert(words.begin(), "tool");
  return Options(static_cast<int>(words.size()), const_cast<char**>(words.data()));
}

template <class Options>
std::string complaint(const std::vector<const char*>& words) {
  try {
    (void)parse<Options>(words);
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

std::string operands_of(const nodeset_options& o) {
  std::string text;
  for (const auto& [operation, set] : o.operands) text += operation + set + " ";
  return text;
}

TEST(nodeset_options, operands_keep_their_place_among_the_options) {
  auto o = parse<nodeset_options>({"a", "-x", "b", "-f", "c", "-Xd", "-i", "-", "--", "-x"});
  EXPECT_EQ(operands_of(o), "|a xb |c Xd i- |-x ");
  EXPECT_EQ(o.what, nodeset_options::command::fold);
}

TEST(nodeset_options, every_option_arrives) {
  auto o = parse<nodeset_options>({"-qGf", "-s", "one", "--groupsconf=conf", "-S", "-", "-O%s.x",
                                   "-I", "0-3", "--pick", "2", "--split=3", "--axis", "-1",
                                   "--autostep=50%", "a"});
  EXPECT_TRUE(o.quiet);
  EXPECT_TRUE(o.group.no_prefix);
  EXPECT_EQ(o.group.source, "one");
  EXPECT_EQ(o.group.file, "conf");
  EXPECT_EQ(o.separator, "-");
  EXPECT_EQ(o.format, "%s.x");
  EXPECT_EQ(o.slice, "0-3");
  EXPECT_EQ(o.pick, 2u);
  EXPECT_EQ(o.split, 3u);
  EXPECT_EQ(o.axis, "-1") << "a value may begin with a dash";
  EXPECT_EQ(o.autostep.rule, nodeset_options::step_rule::percent);
  EXPECT_EQ(o.autostep.value, 50);
  EXPECT_EQ(parse<nodeset_options>({"-lll"}).list_level, 3);
}

TEST(nodeset_options, one_command_is_needed_and_one_allowed) {
  EXPECT_EQ(complaint<nodeset_options>({"a"}), "No command specified.");
  EXPECT_EQ(complaint<nodeset_options>({"-c", "-f"}), "Multiple commands not allowed.");
  EXPECT_EQ(complaint<nodeset_options>({"-l", "-L"}), "Multiple commands not allowed.");
  EXPECT_EQ(parse<nodeset_options>({"--version"}).asked, question::version);
}

TEST(nodeset_options, words_may_be_shortened_and_mistakes_are_named) {
  EXPECT_EQ(parse<nodeset_options>({"--fol"}).what, nodeset_options::command::fold);
  EXPECT_EQ(complaint<nodeset_options>({"--li"}),
            "option --li is ambiguous: --list, --list-all, --list-sources");
  EXPECT_EQ(complaint<nodeset_options>({"--flod"}),
            "unknown option --flod: did you mean --fold? `--help` lists the options");
  EXPECT_EQ(complaint<nodeset_options>({"-f", "-s"}), "-s needs a value: -s SRC");
  EXPECT_EQ(complaint<nodeset_options>({"-f", "--pick", "x"}),
            "--pick 'x': expected a whole number");
  EXPECT_THAT(complaint<nodeset_options>({"-f", "--autostep=x"}), StartsWith("--autostep 'x': "));
}

TEST(nodeset_options, help_has_every_option_that_is_taken_and_no_other) {
  test::expect_help_of(nodeset_specs(), nodeset_help());
}

TEST(clubak_options, letters_may_stand_together_and_words_be_shortened) {
  auto o = parse<clubak_options>({"-bLN", "--quiet", "--sep", "=", "--interpret=never"});
  EXPECT_EQ(o.flags, clubak_options::gather | clubak_options::lines | clubak_options::no_label |
                         clubak_options::quiet);
  EXPECT_EQ(o.separator, "=");
  EXPECT_EQ(o.interpret, clubak_options::keys::never);
  EXPECT_TRUE(parse<clubak_options>({"--diff"}).has(clubak_options::gather));
}

TEST(clubak_options, colours_are_as_the_option_says) {
  EXPECT_TRUE(parse<clubak_options>({"--color", "always"}).colors());
  EXPECT_FALSE(parse<clubak_options>({"--color=always", "--color=never"}).colors());
  EXPECT_EQ(complaint<clubak_options>({"--color=x"}),
            "--color 'x': choose from auto, always, never");
}

TEST(clubak_options, what_excludes_each_other_is_a_mistake) {
  EXPECT_EQ(complaint<clubak_options>({"-FT"}), "incompatible tree options");
  EXPECT_EQ(complaint<clubak_options>({"-FL"}), "incompatible tree options");
  EXPECT_EQ(complaint<clubak_options>({"--diff", "-L"}),
            "option mismatch (diff not supported in line_mode)");
  EXPECT_EQ(complaint<clubak_options>({"-h", "--diff", "-L"}), "none");
}

TEST(clubak_options, help_has_every_option_that_is_taken_and_no_other) {
  test::expect_help_of(clubak_specs(), clubak_help());
}

}  // namespace
}  // namespace execo::cli
