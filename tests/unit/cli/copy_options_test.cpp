// The command lines of put and get.
#include "cli/copy_options.hpp"

#include <gmock/gmock.h>

#include "command_line/usage_error.hpp"
#include "help_check.hpp"

namespace execo::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string mistake_in(std::vector<const char*> words) {
  try {
    (void)parse_put(words);
  } catch (const command_line::usage_error& error) {
    return error.what();
  }
  return "";
}

TEST(copy_options, help_has_every_option_that_is_taken_and_no_other) {
  test::expect_help_of(put_specs(), put_help());
  test::expect_help_of(get_specs(), get_help());
}

TEST(copy_options, the_last_path_is_the_destination_wherever_options_stand) {
  std::vector<const char*> words{"a", "-w", "n[1-3]", "b", "--preserve", "dest/", "-f", "7"};
  run_options made = *parse_put(words);
  EXPECT_THAT(made.copy.sources, ElementsAre("a", "b"));
  EXPECT_EQ(made.copy.destination, "dest/");
  EXPECT_TRUE(made.copy.preserves);
  EXPECT_EQ(made.hosts.size(), 3U);
  EXPECT_EQ(made.fanout, 7U);
  EXPECT_EQ(made.copy.way, copy_arguments::direction::put);
  words = {"-w", "n1", "--", "-a", "b"};
  EXPECT_THAT(parse_get(words)->copy.sources, ElementsAre("-a"));
}

TEST(copy_options, sizes_and_rules_are_read) {
  std::vector<const char*> words{"-w",
                                 "n1",
                                 "--max-rate",
                                 "10M",
                                 "--max-rate-per-host",
                                 "64K",
                                 "--skip-unchanged",
                                 "digest",
                                 "--resume",
                                 "--mkdir",
                                 "a",
                                 "b"};
  run_options made = *parse_put(words);
  EXPECT_EQ(made.copy.rate_in_all, 10U * 1024 * 1024);
  EXPECT_EQ(made.copy.rate_of_each, 64U * 1024);
  EXPECT_EQ(made.copy.skip, unchanged::by_digest);
  EXPECT_TRUE(made.copy.resumes && made.copy.makes_directories);
}

TEST(copy_options, of_a_get_say_how_much_may_come) {
  run_options made = *parse_get(std::vector<const char*>{"-w", "n1", "--max-size", "10G",
                                                         "--max-size-per-host", "64K", "a", "b"});
  EXPECT_EQ(made.copy.max_size_in_all, 10ULL * 1024 * 1024 * 1024);
  EXPECT_EQ(made.copy.max_size_of_each, 64U * 1024);
  EXPECT_THAT(mistake_in({"-w", "n1", "--max-size", "1G", "a", "b"}), HasSubstr("--max-size"));
}

TEST(copy_options, mistakes_are_named_in_one_line) {
  EXPECT_THAT(mistake_in({"-w", "n1"}), HasSubstr("no SRC and no DEST"));
  EXPECT_THAT(mistake_in({"-w", "n1", "a"}), HasSubstr("no DEST"));
  EXPECT_THAT(mistake_in({"-w", "n1", "--skip-unchanged", "size", "a", "b"}), HasSubstr("time"));
  EXPECT_THAT(mistake_in({"a", "b"}), HasSubstr("-w"));
  EXPECT_THAT(mistake_in({"-w", "n1", "--pty", "a", "b"}), HasSubstr("--pty"));
}

}  // namespace
}  // namespace execo::cli
