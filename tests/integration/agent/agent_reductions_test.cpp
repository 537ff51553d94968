// What agents make of barriers and reductions on their way up: one value for all below them.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdint>
#include <string>
#include <vector>

#include "long_count.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::index_ranges;
using detail::reduce_operation;

class agents_that_reduce : public testing::Test {
 protected:
  static constexpr std::uint32_t run = 1, talk = 3;

  explicit agents_that_reduce(std::uint32_t last_host = 20, std::uint16_t arity_of_all = 3)
      : last(last_host), arity(arity_of_all) {}

  void SetUp() override {
    tree.use_local_connector(arity);
    tree.deploy(1, last);
    ASSERT_TRUE(tree.until_up(1, last)) << tree.link().fault_words();
  }

  void start(const std::string& text) {
    detail::execute_message order = tree_driver::text(run, all, text);
    const std::string agent = tree_driver::program();
    order.environment.emplace_back("EXECO_MSG", agent.substr(0, agent.rfind('/')) + "/execo-msg");
    order.flags |= static_cast<std::uint8_t>(detail::execute_flag::talk);
    order.talk = talk;
    order.count = order.ranks = last + 1;
    order.rank_shift = 1;
    tree.send(order);
  }
  /// Until all of these have given something.
  bool until_given(const index_ranges& hosts) {
    return tree.until([&] {
      index_ranges found;
      for (const auto& one : tree.contributions()) found |= one.hosts;
      return found == hosts;
    });
  }
  /// The root's answer to all.
  void gather(const detail::reduce_value& value) {
    detail::gathered_message answer;
    answer.run = talk;
    answer.hosts = all;
    answer.value = value;
    answer.took = static_cast<std::uint32_t>(all.count());
    tree.send(answer);
    tree.contributions().clear();
  }

  const std::uint32_t last;
  const std::uint16_t arity;
  const index_ranges all{0, last};
  tree_driver tree;
};

TEST_F(agents_that_reduce, send_one_value_for_all_below_them) {
  start(
      "$EXECO_MSG reduce sum $EXECO_RANK && $EXECO_MSG reduce min -$EXECO_RANK && "
      "$EXECO_MSG barrier");
  ASSERT_TRUE(until_given(all)) << tree.link().fault_words();
  ASSERT_EQ(tree.contributions().size(), 1U);
  EXPECT_EQ(tree.contributions()[0].value.integer(), 21 * 22 / 2);
  gather(tree.contributions()[0].value);
  ASSERT_TRUE(until_given(all));
  ASSERT_EQ(tree.contributions().size(), 1U);
  EXPECT_EQ(tree.contributions()[0].value.integer(), -21);
  gather(tree.contributions()[0].value);
  ASSERT_TRUE(until_given(all));
  EXPECT_EQ(tree.contributions().size(), 1U);
  gather(tree.contributions()[0].value);
  ASSERT_TRUE(tree.until_ended(run, all));
  all.for_each([&](std::uint32_t i) { EXPECT_EQ(tree.of(run, i).out, "231\n-21\n21\n") << i; });
}

TEST_F(agents_that_reduce, send_each_text_of_a_histogram_once) {
  start("$EXECO_MSG reduce histogram odd$((EXECO_RANK % 2))");
  ASSERT_TRUE(until_given(all)) << tree.link().fault_words();
  ASSERT_EQ(tree.contributions().size(), 2U);
  for (const auto& one : tree.contributions())
    EXPECT_EQ(one.hosts.count(), one.text == "odd0" ? 10U : 11U);
  gather(tree.contributions()[0].value);
  EXPECT_TRUE(tree.until_ended(run, all));
}

class a_thousand_agents_that_reduce : public agents_that_reduce {
 protected:
  a_thousand_agents_that_reduce()
      : agents_that_reduce(static_cast<std::uint32_t>(long_count(1000)) - 1, 0) {}
};

// The root has one child.
TEST_F(a_thousand_agents_that_reduce, send_one_frame_to_the_root) {
  start("$EXECO_MSG reduce sum $EXECO_RANK");
  ASSERT_TRUE(until_given(all)) << tree.link().fault_words();
  EXPECT_EQ(tree.contributions().size(), 1U);
  const std::int64_t count = last + 1;
  EXPECT_EQ(tree.contributions()[0].value.integer(), count * (count + 1) / 2);
  gather(tree.contributions()[0].value);
  EXPECT_TRUE(tree.until_ended(run, all));
}

// Three commands end before they contribute, and one is cancelled while the others wait for it.
TEST_F(agents_that_reduce, do_not_wait_for_commands_that_end) {
  start(
      "case $EXECO_RANK in [567]) exit;; 2) echo wait; sleep 1000;; esac; "
      "$EXECO_MSG reduce sum 1");
  ASSERT_TRUE(tree.until([&] { return tree.of(run, 1).out == "wait\n"; }));
  const index_ranges gone(4, 6);
  ASSERT_TRUE(tree.until_ended(run, gone));
  tree.cancel(run, index_ranges(1));
  ASSERT_TRUE(tree.until_ended(run, index_ranges(1)));
  ASSERT_TRUE(until_given(all - gone - index_ranges(1))) << tree.link().fault_words();
  std::int64_t sum = 0;
  for (const auto& one : tree.contributions()) sum += one.value.integer();
  EXPECT_EQ(sum, 21 - 4);
  gather(tree.contributions()[0].value);
  EXPECT_TRUE(tree.until_ended(run, all));
}

// One of two processes of a command is told that the other one is at it: so that has given.
TEST_F(agents_that_reduce, send_what_one_has_given_before_its_end) {
  start(
      "case $EXECO_RANK in 21) sleep 1000;; 1) $EXECO_MSG reduce sum 1 2>&1 & esac; "
      "$EXECO_MSG reduce sum 1 2>&1; case $EXECO_RANK in 1) sleep 1000;; esac");
  ASSERT_TRUE(tree.until([&] { return tree.of(run, 0).out.ends_with("reduction\n"); }));
  EXPECT_TRUE(tree.contributions().empty());
  tree.cancel(run, index_ranges(0));
  ASSERT_TRUE(tree.until_ended(run, index_ranges(0)));
  ASSERT_FALSE(tree.contributions().empty());
  EXPECT_TRUE(tree.contributions()[0].hosts.contains(0));
  tree.cancel(run, index_ranges(last));
  ASSERT_TRUE(until_given(all - index_ranges(last))) << tree.link().fault_words();
  gather(tree.contributions()[0].value);
  EXPECT_TRUE(tree.until_ended(run, all));
}

}  // namespace
}  // namespace execo::test
