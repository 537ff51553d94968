// Waves: an agent asks all that are below it whether they are there, and answers for all of them.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <string>

#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::index_ranges;

/// The process of an agent.
pid_t agent_of(tree_driver& tree, std::uint32_t run, std::uint32_t host) {
  tree.send(tree_driver::text(run, index_ranges(host), "echo $PPID"));
  EXPECT_TRUE(tree.until_ended(run, index_ranges(host))) << tree.link().fault_words();
  return std::atoi(tree.of(run, host).out.c_str());
}

TEST(agents_in_a_wave, answer_in_one_frame_with_all_below_them) {
  tree_driver tree;
  tree.use_local_connector(3);
  tree.deploy(1, 20);
  ASSERT_TRUE(tree.until_up(1, 20)) << tree.link().fault_words();
  for (std::uint32_t number : {1U, 2U}) {
    tree.send(tree_driver::wave(number));
    ASSERT_TRUE(tree.until([&] { return !tree.answers(number).empty(); }));
    EXPECT_EQ(tree.answers(number), index_ranges(0, 20));
    EXPECT_EQ(tree.frames_of_answers(), number);
  }
}

TEST(agents_in_a_wave, do_not_wait_for_one_that_is_silent) {
  tree_driver tree;
  tree.use_local_connector();
  tree.deploy(1, 4);
  ASSERT_TRUE(tree.until_up(1, 4)) << tree.link().fault_words();
  const pid_t silent = agent_of(tree, 1, 2);
  ASSERT_EQ(::kill(silent, SIGSTOP), 0);
  tree.send(tree_driver::wave(1, 1));
  const index_ranges others = index_ranges(0, 1) | index_ranges(3, 4);
  EXPECT_TRUE(tree.until([&] { return tree.answers(1).contains(others); }));
  EXPECT_EQ(tree.answers(1), others);
  ASSERT_EQ(::kill(silent, SIGCONT), 0);
  EXPECT_TRUE(tree.until([&] { return tree.answers(1).contains(2); }));
}

TEST(agents_in_a_wave, do_not_wait_for_one_that_is_lost) {
  tree_driver tree;
  tree.use_local_connector();
  tree.deploy(1, 4);
  ASSERT_TRUE(tree.until_up(1, 4)) << tree.link().fault_words();
  const pid_t lost = agent_of(tree, 1, 2);
  ASSERT_EQ(::kill(lost, SIGSTOP), 0);
  tree.send(tree_driver::wave(1));
  ASSERT_EQ(::kill(lost, SIGKILL), 0);
  EXPECT_TRUE(tree.until([&] { return !tree.answers(1).empty(); }));
  EXPECT_EQ(tree.answers(1), index_ranges(0, 1) | index_ranges(3, 4));
  EXPECT_EQ(tree.frames_of_answers(), 1U);
}

TEST(agents_in_a_wave, refuse_a_number_that_they_have_heard) {
  tree_driver tree;
  tree.send(tree_driver::wave(2));
  ASSERT_TRUE(tree.until([&] { return !tree.answers(2).empty(); }));
  tree.send(tree_driver::wave(2));
  EXPECT_TRUE(tree.until_gone());
}

}  // namespace
}  // namespace execo::test
