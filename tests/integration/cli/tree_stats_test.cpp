// `execo run --via tree`, with agents on this machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "file_bytes.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

outcome run_with_stats(std::vector<std::string> more) {
  std::vector<std::string> words{EXECO_TOOL,    "run",   "--via", "tree",
                                 "--connector", "local", "-w",    "n[1-20]"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

TEST(execo_tree_stats, says_what_the_tree_was_like_and_what_it_has_cost) {
  outcome o = run_with_stats({"--arity", "3", "--tree-stats", "-b", "true"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err,
              AllOf(HasSubstr("execo: 20 hosts: 20 ok, 0 failed"),
                    HasSubstr("execo: tree: 20 of 20 hosts up in "),
                    HasSubstr(", arity 3; 20 agents: "), HasSubstr(" of memory each; here: ")));
}

TEST(execo_tree_stats, are_of_copies_too) {
  scratch_directory folder;
  std::ofstream(folder.path() + "/app") << "app";
  outcome o = run_program({EXECO_TOOL, "put", "--via", "tree", "--connector", "local", "--arity",
                           "2", "--tree-stats", "--mkdir", "-w", "n[1-6]", folder.path() + "/app",
                           folder.path() + "/at/{{{host}}}/"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: tree: 6 of 6 hosts up in "),
                           HasSubstr(", arity 2; 6 agents: ")));
  EXPECT_EQ(file_bytes(folder.path() + "/at/n6/app"), "app");
  o = run_program({EXECO_TOOL, "get", "--via", "tree", "--connector", "local", "--tree-stats", "-w",
                   "n[1-6]", folder.path() + "/at/{{{host}}}/app", folder.path() + "/back"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, HasSubstr("execo: tree: 6 of 6 hosts up in "));
  EXPECT_EQ(file_bytes(folder.path() + "/back/n6/app"), "app");
}

// Each of them starts the next one.
TEST(execo_tree_stats, shows_how_far_away_hosts_are_that_are_told_to_come_late) {
  program tool({EXECO_TOOL, "run", "--via", "tree", "--connector", "local", "--arity", "1",
                "--tree-stats", "-w", "n[1-3]", "true"},
               {"EXECO_LOCAL_DELAY=50"});
  outcome o = tool.finish();
  EXPECT_EQ(o.code, 0) << o.err;
  std::smatch found;
  ASSERT_TRUE(std::regex_search(o.err, found, std::regex("hosts up in ([0-9.]+) s"))) << o.err;
  EXPECT_GE(std::stod(found[1]), 0.15);
}

TEST(execo_tree_stats, draws_a_picture_of_the_tree) {
  scratch_directory folder;
  const std::string file = folder.path() + "/tree.svg";
  outcome o = run_with_stats({"--tree-stats=" + file, "-b", "true"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(file_bytes(file),
              AllOf(StartsWith("<svg "), HasSubstr("<title>n20: "), EndsWith("</svg>\n")));
}

TEST(execo_tree_stats, says_that_a_picture_cannot_be_written) {
  outcome o = run_with_stats({"--tree-stats=/nowhere/tree.svg", "-b", "true"});
  EXPECT_NE(o.code, 0);
  EXPECT_THAT(o.err, HasSubstr("execo: /nowhere/tree.svg: the picture cannot be written: No such"));
}

TEST(execo_tree_stats, has_something_to_say_of_trees_alone) {
  outcome o = run_program({EXECO_TOOL, "run", "--tree-stats", "-w", "n1", "true"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("--tree-stats is for --via tree"));
}

}  // namespace
}  // namespace execo::test
