// `--via auto`: a tree for many hosts, which shells of this machine stand for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "file_bytes.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

outcome run_auto(std::vector<std::string> more) {
  std::vector<std::string> words{EXECO_TOOL, "run", "-F", "none", "--connector", "local"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

TEST(execo_via_auto, takes_a_tree_for_600_hosts) {
  outcome o = run_auto({"--via", "auto", "--tree-stats", "-w", "n[1-600]", "-b", "true"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: the tree is used, since 600 hosts take "),
                           HasSubstr("execo: 600 hosts: 600 ok, 0 failed"),
                           HasSubstr("execo: tree: 600 of 600 hosts up in ")));
}

TEST(execo_via_auto, takes_none_for_500_hosts) {
  outcome o = run_auto({"--via", "auto", "--tree-stats", "-w", "n[1-500]", "-b", "true"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: 500 hosts: 500 ok, 0 failed"), Not(HasSubstr("used")),
                           EndsWith("execo: tree: none, since up to 512 hosts are reached "
                                    "directly\n")));
}

TEST(execo_via_auto, takes_none_where_a_tree_is_refused_or_no_faster) {
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"-f", "64"}, {"--batch", "100%"}}) {
    std::vector<std::string> words{"--via", "auto", "-w", "n[1-513]", "-b"};
    words.insert(words.end(), more.begin(), more.end());
    words.emplace_back("true");
    outcome o = run_auto(words);
    EXPECT_EQ(o.code, 0) << o.err;
    EXPECT_THAT(o.err, AllOf(HasSubstr(": 513 ok, 0 failed"), Not(HasSubstr("the tree is used"))));
  }
}

TEST(execo_via_auto, is_what_who_asks_for_it_gets) {
  outcome o = run_auto({"-w", "n[1-513]", "-b", "true"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, AllOf(HasSubstr(": 513 ok, 0 failed"), Not(HasSubstr("the tree is used"))));
}

TEST(execo_via_auto, refuses_hosts_on_the_way_without_which_there_is_none) {
  outcome o = run_auto({"--via", "auto", "--gateway", "gw", "-w", "n1", "true"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "execo: --gateway is for --via tree\n");
}

TEST(execo_via_auto, sends_files_through_a_tree) {
  scratch_directory folder;
  const std::string file = folder.path() + "/sent";
  ASSERT_EQ(run_program({"/bin/sh", "-c", "echo text >" + file}).code, 0);
  outcome o = run_program({EXECO_TOOL, "put", "-F", "none", "--connector", "local", "--via", "auto",
                           "-w", "n[1-520]", "--mkdir", file, folder.path() + "/{{{host}}}"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: the tree is used, since 520 hosts take "),
                           HasSubstr("execo: 520 hosts: 520 ok, 0 failed")));
  EXPECT_EQ(file_bytes(folder.path() + "/n520"), "text\n");
}

}  // namespace
}  // namespace execo::test
