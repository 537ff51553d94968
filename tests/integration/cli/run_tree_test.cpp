// Trees whose shape is given on the command line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/machine_name.hpp"
#include "program.hpp"
#include "temp_folder.hpp"

namespace execo::test {
namespace {

using testing::HasSubstr;

/// Without ssh: a shell of this machine in place of each host.
outcome run_in_tree(const std::string& set, std::vector<std::string> more) {
  std::vector<std::string> words{EXECO_TOOL, "run", "-w", set, "--connector", "local"};
  words.insert(words.end(), more.begin(), more.end());
  return run_program(words);
}

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::ranges::sort(lines);
  return lines;
}

TEST(execo_run_in_a_tree, goes_through_the_gateways_that_are_given) {
  outcome o = run_in_tree("n[1-4]",
                          {"--via", "tree", "--gateway", "gw[1-2]", "--", "echo by $EXECO_FATHER"});
  EXPECT_EQ(o.code, 0) << o.err;
  std::vector<std::string> lines = sorted_lines(o.out);
  ASSERT_EQ(lines.size(), 4U) << o.out;
  std::size_t by_the_first = 0;
  for (const std::string& line : lines) {
    EXPECT_THAT(line, HasSubstr(": by gw"));
    by_the_first += line.ends_with("gw1") ? 1 : 0;
  }
  EXPECT_EQ(by_the_first, 2U) << o.out;
}

TEST(execo_run_in_a_tree, runs_nothing_on_a_gateway_that_is_no_host) {
  temp_folder folder;
  outcome o = run_in_tree(
      "n1", {"--via", "tree", "--gateway", "gw", "--", "echo $EXECO_HOST >>" + (folder / "log")});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(folder.read("log"), "n1\n");
}

TEST(execo_run_in_a_tree, says_in_a_line_what_is_wrong_with_an_authority) {
  auto said = [](std::vector<std::string> more) {
    std::vector<std::string> words{EXECO_TOOL, "run", "-w", "n1", "--tree-ca", "/none"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", "true"});
    outcome o = run_program(words);
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(o.out, "");
    return o.err;
  };
  EXPECT_EQ(said({"--via", "tree"}), "execo: certificate authority /none is missing\n");
  EXPECT_EQ(said({}), "execo: --tree-ca is for --via tree and --via auto\n");
  EXPECT_EQ(said({"--via", "tree", "--site-trust"}),
            "execo: --tree-ca and --site-trust exclude each other: choose one\n");
  EXPECT_EQ(said({"--via", "tree", "--connector", "local"}),
            "execo: --tree-ca and --connector exclude each other: choose one\n");
}

TEST(execo_run_in_a_tree, says_in_a_line_what_a_tunnel_needs) {
  auto said = [](std::vector<std::string> more) {
    std::vector<std::string> words{EXECO_TOOL, "run", "-w", "n1", "--tree-tunnel"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--", "true"});
    outcome o = run_program(words);
    EXPECT_EQ(o.code, 2);
    EXPECT_EQ(o.out, "");
    return o.err;
  };
  EXPECT_EQ(said({}), "execo: --tree-tunnel is for --via tree\n");
  EXPECT_EQ(said({"--via", "tree"}),
            "execo: --tree-tunnel needs to know what leads to the hosts: add --gateway SET or "
            "--topology FILE\n");
  EXPECT_EQ(said({"--via", "tree", "--gateway", "gw", "--site-trust"}),
            "execo: --tree-tunnel and --site-trust exclude each other: choose one\n");
  EXPECT_EQ(said({"--via", "tree", "--gateway", "gw", "--tree-ca", "/none"}),
            "execo: --tree-tunnel and --tree-ca exclude each other: choose one\n");
  EXPECT_EQ(said({"--via", "tree", "--gateway", "gw", "--connector", "local"}),
            "execo: --tree-tunnel and --connector exclude each other: choose one\n");
}

TEST(execo_run_in_a_tree, follows_a_topology_of_a_file) {
  temp_folder folder;
  const std::string file = folder.write(
      "topology.conf", "[routes]\n" + detail::machine_name() + ": a[1-2]\na1: n[1-2]\na2: n3\n");
  outcome o =
      run_in_tree("n[1-3],a2", {"--via", "tree", "--topology", file, "--", "echo $EXECO_FATHER"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(sorted_lines(o.out), (std::vector<std::string>{"a2: " + detail::machine_name(),
                                                           "n1: a1", "n2: a1", "n3: a2"}));
}

TEST(execo_run_in_a_tree, says_what_is_wrong_with_a_shape) {
  temp_folder folder;
  const std::string bad = folder.write("bad.conf", "[routes]\nno colon here\n");
  for (const std::vector<std::string>& wrong :
       {std::vector<std::string>{"--gateway", "gw", "--", "true"},
        {"--zone", "n1", "--", "true"},
        {"--topology", bad, "--", "true"},
        {"--grooming", "1s", "--", "true"},
        {"--via", "tree", "--grooming", "2m", "--", "true"},
        {"--via", "tree", "--topology", bad, "--", "true"},
        {"--via", "tree", "--topology", folder / "none", "--", "true"},
        {"--via", "tree", "--gateway", "gw[1-", "--", "true"},
        {"--via", "tree", "--gateway", "gw", "--topology", bad, "--", "true"}}) {
    outcome o = run_in_tree("n1", wrong);
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_EQ(std::ranges::count(o.err, '\n'), 1) << o.err;
    EXPECT_THAT(o.err, testing::StartsWith("execo")) << o.err;
  }
}

}  // namespace
}  // namespace execo::test
