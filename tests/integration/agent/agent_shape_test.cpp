// Which agent starts which hosts, when children are slow or lost.
#include <gtest/gtest.h>
#include <signal.h>

#include <string>
#include <vector>

#include "temp_folder.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::index_ranges;
using detail::tree_host_state;

/// Each agent has one child, and starts it once the gate of that host is open.
class gated_chain {
 public:
  explicit gated_chain(std::uint32_t last, std::uint16_t zone = 0) {
    tree.use_connector({"env", "EXECO_HOST=%h", "GATE=" + (folder / "%h"), "sh", "-c",
                        "while [ ! -e $GATE ]; do sleep 0.02; done; exec sh -c \"$1\"", "sh"},
                       1);
    tree.deploy(1, last, zone);
  }
  void open(std::uint32_t host) { (void)folder.write("h" + std::to_string(host), ""); }
  bool until_begun(std::uint32_t host, std::uint32_t parent) {
    return tree.until([&] {
      const auto& last = tree.host(host).last;
      return last && last->state == tree_host_state::connecting && last->parent == parent;
    });
  }
  bool until_failed(std::uint32_t host) {
    return tree.until([&] {
      const auto& last = tree.host(host).last;
      return last && last->state == tree_host_state::failed;
    });
  }
  pid_t agent_of(std::uint32_t host) {
    tree.send(tree_driver::words(1, index_ranges(host), {"sh", "-c", "echo $PPID"}));
    return tree.until_ended(1, index_ranges(host)) ? std::stoi(tree.of(1, host).out) : -1;
  }

  const temp_folder folder;
  tree_driver tree;
};

TEST(agent_shape, hosts_that_a_lost_agent_had_taken_are_reached_through_others) {
  gated_chain chain(3);
  chain.open(1);
  ASSERT_TRUE(chain.until_begun(2, 1)) << chain.tree.link().fault_words();
  const pid_t agent = chain.agent_of(1);
  ASSERT_GT(agent, 0);
  ASSERT_EQ(::kill(agent, SIGKILL), 0);
  ASSERT_TRUE(chain.until_failed(1));
  ASSERT_TRUE(chain.until_begun(2, 0));
  for (std::uint32_t host : {2U, 3U}) chain.open(host);
  EXPECT_TRUE(chain.tree.until_up(2, 3)) << chain.tree.link().fault_words();
  EXPECT_FALSE(chain.tree.host(1).up);
}

TEST(agent_shape, hosts_that_nobody_has_begun_with_are_given_back) {
  for (std::uint16_t zone : {0, 7}) {
    gated_chain chain(4, zone);
    ASSERT_TRUE(chain.until_begun(1, 0));
    detail::revoke_message revoke;
    revoke.hosts = index_ranges(1, 3);
    chain.tree.send(revoke);
    ASSERT_TRUE(chain.tree.until([&] { return !chain.tree.returned().empty(); }));
    EXPECT_EQ(chain.tree.returned(), index_ranges(2, 3));
    for (std::uint32_t host : {1U, 4U}) chain.open(host);
    EXPECT_TRUE(chain.tree.until_up(1, 1)) << chain.tree.link().fault_words();
    EXPECT_TRUE(chain.tree.until_up(4, 4)) << chain.tree.link().fault_words();
  }
}

TEST(agent_shape, hosts_are_taken_back_from_a_child_that_is_slow) {
  tree_driver tree;
  const temp_folder folder;
  // The first child alone, host 1, is at the gate with what it has taken.
  tree.use_connector({"env", "EXECO_HOST=%h", "GATE=" + (folder / "gate"), "sh", "-c",
                      "[ -z \"$HELD\" ] || while [ ! -e $GATE ]; do sleep 0.02; done; "
                      "[ $EXECO_HOST != h1 ] || export HELD=1; exec sh -c \"$1\"",
                      "sh"},
                     2);
  tree.deploy(1, 12);
  EXPECT_TRUE(tree.until([&] {
    std::uint32_t up = 0;
    for (std::uint32_t host = 1; host <= 12; ++host) up += tree.host(host).up ? 1 : 0;
    // Two may be on their way by the first child.
    return up >= 10;
  })) << tree.link().fault_words();
  (void)folder.write("gate", "");
  EXPECT_TRUE(tree.until_up(1, 12)) << tree.link().fault_words();
}

}  // namespace
}  // namespace execo::test
