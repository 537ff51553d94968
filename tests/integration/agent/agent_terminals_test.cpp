// Terminals of commands, and commands that are longer than a frame.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "temp_folder.hpp"
#include "tree_driver.hpp"
#include "wire/order_parts.hpp"

namespace execo::test {
namespace {

using detail::command_end;
using detail::execute_flag;
using detail::execute_message;
using detail::index_ranges;
using ::testing::HasSubstr;

const index_ranges here(0);

execute_message on_terminal(std::uint32_t run, std::string command) {
  execute_message order = tree_driver::text(run, here, std::move(command));
  order.flags = static_cast<std::uint8_t>(execute_flag::input) |
                static_cast<std::uint8_t>(execute_flag::terminal);
  order.rows = 33;
  order.columns = 111;
  return order;
}

void send_whole(tree_driver& tree, const execute_message& order) {
  detail::send_in_parts(order, [&](const auto& part) { tree.send(part); });
}

TEST(agent_terminals, all_three_streams_are_one_of_the_size_that_was_asked_for) {
  tree_driver tree;
  tree.send(
      on_terminal(1, "test -t 0 && test -t 1 && test -t 2 && stty size; echo err >&2; exit 5"));
  ASSERT_TRUE(tree.until_ended(1, here));
  EXPECT_EQ(tree.of(1, 0).out, "33 111\r\nerr\r\n");
  EXPECT_EQ(tree.of(1, 0).err, "");
  EXPECT_EQ(tree.of(1, 0).end->code, 5U);
  EXPECT_TRUE(tree.of(1, 0).end->whole);
}

TEST(agent_terminals, keys_are_typed_and_one_of_them_is_an_interrupt) {
  tree_driver tree;
  tree.send(on_terminal(1, "trap 'exit 7' INT; read a; echo [$a]; while :; do sleep 0.02; done"));
  tree.input(1, 0, "abc\n", false);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "abc\r\n[abc]\r\n"; }));
  tree.input(1, 0, "\x03", false);
  ASSERT_TRUE(tree.until_ended(1, here));
  EXPECT_EQ(tree.of(1, 0).end->code, 7U);
}

// A shell with jobs puts each into a process group of its own.
TEST(agent_terminals, a_stop_ends_jobs_of_other_process_groups) {
  const temp_folder folder;
  tree_driver tree;
  tree.send(
      on_terminal(1, "set -m; sleep 1000 & echo $! >" + (folder / "pid") + "; echo ready; read a"));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out.ends_with("ready\r\n"); }));
  tree.cancel(1, here);
  ASSERT_TRUE(tree.until_ended(1, here));
  const pid_t job = std::stoi(folder.read("pid"));
  EXPECT_TRUE(tree.until([&] { return ::kill(job, 0) != 0; }));
}

TEST(agent_terminals, its_output_is_whole_when_nobody_takes_it_for_a_while) {
  tree_driver tree;
  tree.give_credit(false);
  tree.send(on_terminal(1, "seq 1 20000"));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out.size() == 65'536; }));
  tree.give_credit(true);
  ASSERT_TRUE(tree.until_ended(1, here));
  EXPECT_EQ(tree.of(1, 0).out.size(), 128'894U);
}

TEST(agent_long_commands, come_in_parts_and_run_once_they_are_whole) {
  tree_driver tree;
  const std::string text = "printf %s '" + std::string(120'000, 'x') + "' | wc -c";
  send_whole(tree, tree_driver::text(1, here, text));
  ASSERT_TRUE(tree.until_ended(1, here));
  EXPECT_EQ(tree.of(1, 0).out, "120000\n");
}

TEST(agent_long_commands, wait_whole_for_hosts_that_are_not_up) {
  tree_driver tree;
  tree.use_local_connector();
  tree.deploy(1, 3);
  const std::string text = "printf %s '" + std::string(120'000, 'x') + "' | wc -c";
  const index_ranges hosts(1, 3);
  send_whole(tree, tree_driver::text(1, hosts, text));
  ASSERT_TRUE(tree.until_ended(1, hosts));
  for (std::uint32_t host : {1U, 2U, 3U}) EXPECT_EQ(tree.of(1, host).out, "120000\n");
}

TEST(agent_long_commands, are_too_long_where_the_system_says_so) {
  tree_driver tree;
  send_whole(tree, tree_driver::text(1, here, ": " + std::string(300'000, 'x')));
  ASSERT_TRUE(tree.until_ended(1, here));
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::not_started);
  EXPECT_THAT(tree.of(1, 0).end->text, HasSubstr("Argument list too long"));
}

TEST(agent_long_commands, are_cancelled_while_they_are_not_whole) {
  tree_driver tree;
  execute_message order = tree_driver::text(1, here, "echo never");
  order.more = 1;
  tree.send(order);
  tree.cancel(1, here);
  ASSERT_TRUE(tree.until_ended(1, here));
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::cancelled);
  EXPECT_EQ(tree.of(1, 0).out, "");
}

TEST(agent_long_commands, of_more_than_was_said_break_the_protocol) {
  tree_driver tree;
  execute_message order = tree_driver::text(1, here, "echo never");
  order.more = 1;
  tree.send(order);
  detail::part_message part;
  part.run = 1;
  part.hosts = here;
  part.bytes = "xy";
  tree.send(part);
  EXPECT_TRUE(tree.until_gone());
}

}  // namespace
}  // namespace execo::test
