#include "cli/tree_picture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace execo::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

tree_host up(const std::string& name, std::size_t depth, const std::string& parent,
             duration after) {
  tree_host made{host(name)};
  made.up = true;
  made.depth = depth;
  made.parent = parent;
  made.up_after = after;
  return made;
}

tree_stats small_tree() {
  tree_stats made;
  made.hosts = {up("n1", 1, "", 100ms), up("n2", 2, "n1", 1s), tree_host(host("n3"))};
  made.depth = 2;
  made.arity = 1;
  made.deploy_time = 1s;
  made.bytes_sent = 700;
  made.bytes_received = 90;
  return made;
}

TEST(tree_picture, has_a_line_to_each_host_from_who_has_reached_it) {
  std::string made = tree_picture(small_tree());
  EXPECT_THAT(made, testing::StartsWith("<svg "));
  EXPECT_THAT(made, testing::EndsWith("</svg>\n"));
  EXPECT_THAT(made, HasSubstr("<title>n1: 0.10 s</title>"));
  EXPECT_THAT(made, HasSubstr("<title>n2: 1.00 s</title>"));
  EXPECT_THAT(made, Not(HasSubstr("n3:")));
  // The root is at the left, n1 at a tenth of the way, n2 at its end.
  EXPECT_THAT(made, HasSubstr("<path d=\"M60.0 120.0L152.0 280.0\"/>"));
  EXPECT_THAT(made, HasSubstr("<path d=\"M152.0 280.0L980.0 440.0\"/>"));
}

TEST(tree_picture, holds_with_hosts_that_are_not_where_they_say) {
  tree_stats odd = small_tree();
  odd.hosts.push_back(up("n4", 9, "n1", 1s));
  odd.hosts.push_back(up("n5", 2, "unknown", 5s));
  EXPECT_THAT(tree_picture(odd), Not(HasSubstr("n4:")));
  EXPECT_THAT(tree_picture(tree_stats()), HasSubstr("0 of 0 hosts"));
}

TEST(tree_words, say_what_a_tree_was_like_and_what_it_has_cost) {
  tree_stats made = small_tree();
  EXPECT_EQ(tree_words(made),
            "tree: 2 of 3 hosts up in 1.00 s, depth 2, arity 1; here: 700 bytes sent, 90 received");
  made.agents = 2;
  made.agents_cpu = 5ms;
  made.agents_memory = 4 * 1024 * 1024;
  EXPECT_THAT(tree_words(made),
              HasSubstr("; 2 agents: 2.5 ms of CPU and 2048 KiB of memory each; here:"));
}

}  // namespace
}  // namespace execo::cli
