// Agents below agents: who is deployed by whom, what goes through them, and what is left of them.
#include <gtest/gtest.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "temp_folder.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using detail::command_end;
using detail::execute_flag;
using detail::execute_message;
using detail::index_ranges;

/// Processes that have this variable in their environment.
std::vector<pid_t> marked(const std::string& variable) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    if (text.find(variable) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

/// Soon: one that begins its program just now has no environment to be known by.
bool are_marked(const std::string& variable, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (marked(variable).size() != count)
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

/// All that commands with a mark have started is gone, soon.
bool nothing_is_left(const std::string& variable) { return are_marked(variable, 0); }

execute_message marked_text(std::uint32_t run, const index_ranges& hosts, const std::string& mark,
                            const std::string& text) {
  execute_message order = tree_driver::text(run, hosts, text);
  order.environment.emplace_back("EXECO_TEST_MARK", mark);
  return order;
}

std::string new_mark() {
  static int count = 0;
  return std::to_string(::getpid()) + "-" + std::to_string(++count);
}

/// A shell with a child of the same session, one of another, and an orphan that has left both.
constexpr const char* family =
    "sleep 1000 & setsid sleep 1000 & (setsid sh -c 'sleep 1000 & sleep 1000' &) ; echo ready; "
    "wait";

/// Hosts 1 to `depth`, each below the one before.
void deploy_chain(tree_driver& tree, std::uint32_t depth) {
  tree.use_local_connector(1);
  for (std::uint32_t i = 1; i <= depth; ++i) {
    tree.deploy(i, i);
    ASSERT_TRUE(tree.until_up(i, i)) << tree.link().fault_words();
    // By then it has asked its parent for hosts, and gets the next one.

    tree.send(tree_driver::words(1000 + i, index_ranges(i), {"true"}));
    ASSERT_TRUE(tree.until_ended(1000 + i, index_ranges(i))) << tree.link().fault_words();
  }
}

TEST(agent_tree, all_bytes_arrive_at_any_depth) {
  std::string bytes;
  for (int byte = 1; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  tree_driver tree;
  deploy_chain(tree, 4);
  const index_ranges all(0, 4);
  tree.send(tree_driver::words(1, all, {"printf", "%s", bytes}));
  ASSERT_TRUE(tree.until_ended(1, all)) << tree.link().fault_words();
  for (std::uint32_t host = 0; host <= 4; ++host) EXPECT_EQ(tree.of(1, host).out, bytes) << host;
  // They do lie one below another.
  for (std::uint32_t host = 1; host <= 4; ++host) {
    ASSERT_TRUE(tree.host(host).last);
    EXPECT_EQ(tree.host(host).last->parent, host - 1);
    EXPECT_EQ(tree.host(host).last->depth, host + 1);
  }
}

TEST(agent_tree, two_hundred_agents_run_a_command) {
  constexpr std::uint32_t last = 199;
  tree_driver tree;
  tree.use_local_connector();
  tree.deploy(1, last);
  ASSERT_TRUE(tree.until_up(1, last)) << tree.link().fault_words();
  const index_ranges all(0, last);
  tree.send(tree_driver::words(1, all, {"true"}));
  ASSERT_TRUE(tree.until_ended(1, all)) << tree.link().fault_words();
  for (std::uint32_t host = 0; host <= last; ++host) {
    EXPECT_EQ(tree.of(1, host).end->how, command_end::exited) << host;
    EXPECT_EQ(tree.of(1, host).end->code, 0U) << host;
  }
  execute_message order = tree_driver::text(2, all, "echo \"$EXECO_HOST\"");
  tree.send(order);
  ASSERT_TRUE(tree.until_ended(2, all));
  for (std::uint32_t host = 1; host <= last; ++host)
    EXPECT_EQ(tree.of(2, host).out, "h" + std::to_string(host) + "\n");
}

TEST(agent_tree, an_order_may_come_before_its_hosts_are_up) {
  constexpr std::uint32_t last = 30;
  tree_driver tree;
  tree.use_local_connector();
  tree.deploy(1, last);
  tree.send(tree_driver::words(1, index_ranges(0, last), {"echo", "up"}));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(0, last))) << tree.link().fault_words();
  for (std::uint32_t host = 0; host <= last; ++host) EXPECT_EQ(tree.of(1, host).out, "up\n");
}

TEST(agent_tree, equal_output_is_folded_on_its_way) {
  constexpr std::uint32_t last = 50;
  tree_driver tree;
  tree.use_local_connector();
  tree.deploy(1, last);
  ASSERT_TRUE(tree.until_up(1, last));
  execute_message order = tree_driver::words(1, index_ranges(0, last), {"echo", "the same"});
  order.flags = static_cast<std::uint8_t>(execute_flag::fold);
  tree.send(order);
  ASSERT_TRUE(tree.until_ended(1, index_ranges(0, last))) << tree.link().fault_words();
  for (std::uint32_t host = 0; host <= last; ++host) EXPECT_EQ(tree.of(1, host).out, "the same\n");
  EXPECT_LT(tree.folded_frames(), last);
}

TEST(agent_tree, output_through_three_agents_is_whole_beside_one_that_nobody_takes) {
  tree_driver tree;
  deploy_chain(tree, 3);
  const index_ranges leaf(3);
  tree.give_credit(false);
  tree.send(tree_driver::words(1, index_ranges(2), {"yes"}));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 2).out.size() == 65'536; }));
  tree.send(tree_driver::words(2, leaf, {"echo", "beside"}));
  ASSERT_TRUE(tree.until_ended(2, leaf));
  EXPECT_EQ(tree.of(2, 3).out, "beside\n");
  tree.cancel(1, index_ranges(2));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(2)));
  tree.give_credit(true);
  tree.send(tree_driver::text(3, leaf, "head -c 10000000 /dev/zero"));
  ASSERT_TRUE(tree.until_ended(3, leaf)) << tree.link().fault_words();
  EXPECT_EQ(tree.of(3, 3).out.size(), 10'000'000U);
}

TEST(agent_tree, input_reaches_a_command_at_depth_three) {
  tree_driver tree;
  deploy_chain(tree, 3);
  execute_message order = tree_driver::words(1, index_ranges(3), {"cat"});
  order.flags = static_cast<std::uint8_t>(execute_flag::input);
  tree.send(order);
  tree.input(1, 3, "through ", false);
  tree.input(1, 3, "three", true);
  ASSERT_TRUE(tree.until_ended(1, index_ranges(3)));
  EXPECT_EQ(tree.of(1, 3).out, "through three");
}

TEST(agent_tree, cancel_leaves_no_process) {
  const std::string mark = new_mark();
  tree_driver tree;
  deploy_chain(tree, 2);
  const index_ranges all(0, 2);
  tree.send(marked_text(1, all, mark, family));
  ASSERT_TRUE(
      tree.until([&] { return tree.of(1, 2).out == "ready\n" && tree.of(1, 0).out == "ready\n"; }));
  tree.cancel(1, all);
  ASSERT_TRUE(tree.until_ended(1, all));
  EXPECT_TRUE(nothing_is_left(mark));
}

TEST(agent_tree, cancel_ends_what_has_left_its_session_beside_commands_that_run) {
  const std::string ended = new_mark(), goes_on = new_mark(), over = new_mark();
  const index_ranges self(0);
  tree_driver tree;
  const std::string daemon = "(setsid sleep 1000 >/dev/null 2>&1 &); echo ready; ";
  tree.send(marked_text(1, self, over, daemon));
  ASSERT_TRUE(tree.until_ended(1, self));
  tree.send(marked_text(2, self, goes_on, daemon + "exec sleep 1000"));
  tree.send(marked_text(3, self, ended, family));
  ASSERT_TRUE(
      tree.until([&] { return tree.of(2, 0).out == "ready\n" && tree.of(3, 0).out == "ready\n"; }));
  tree.cancel(3, self);
  ASSERT_TRUE(tree.until_ended(3, self));
  EXPECT_TRUE(nothing_is_left(ended));
  EXPECT_FALSE(tree.of(2, 0).end);
  EXPECT_TRUE(are_marked(goes_on, 2));
  EXPECT_TRUE(are_marked(over, 1));
  tree.cancel(2, self);
  ASSERT_TRUE(tree.until_ended(2, self));
  EXPECT_TRUE(nothing_is_left(goes_on));
  EXPECT_TRUE(are_marked(over, 1));
}

TEST(agent_tree, a_goodbye_leaves_no_process) {
  const std::string mark = new_mark();
  tree_driver tree;
  deploy_chain(tree, 2);
  tree.send(marked_text(1, index_ranges(0, 2), mark, family));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 2).out == "ready\n"; }));
  tree.say_goodbye();
  EXPECT_TRUE(tree.until_gone());
  EXPECT_TRUE(nothing_is_left(mark));
  EXPECT_EQ(tree.status(), 0);
}

TEST(agent_tree, a_parent_that_is_gone_leaves_no_process) {
  const std::string mark = new_mark();
  tree_driver tree;
  deploy_chain(tree, 2);
  tree.send(marked_text(1, index_ranges(0, 2), mark, family));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 2).out == "ready\n"; }));
  tree.close();
  EXPECT_TRUE(tree.until_gone());
  EXPECT_TRUE(nothing_is_left(mark));
}

TEST(agent_tree, orphans_go_on_for_their_grace) {
  const temp_folder folder;
  tree_driver tree({}, 60s);
  tree.send(tree_driver::text(
      1, index_ranges(0),
      "echo ready; read x < " + (folder / "pipe") + "; echo \"$x\" > " + (folder / "said")));
  const std::string pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
  tree.close();
  std::ofstream(pipe) << "still here\n";
  EXPECT_TRUE(tree.until_gone());
  EXPECT_EQ(folder.read("said"), "still here\n");
}

/// The first process of a tree is a keeper; the other one is the agent.
std::vector<pid_t> agents_of(pid_t keeper) {
  std::vector<pid_t> agents;
  const std::string number = std::to_string(keeper);
  std::ifstream list("/proc/" + number + "/task/" + number + "/children");
  for (pid_t pid = 0; list >> pid;) agents.push_back(pid);
  return agents;
}

TEST(agent_tree, a_keeper_has_no_memory_of_its_own) {
  tree_driver tree;
  tree.send(tree_driver::words(1, index_ranges(0), {"true"}));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(0)));
  const std::vector<pid_t> agents = agents_of(tree.pid());
  ASSERT_EQ(agents.size(), 1U);
  const long same = ::syscall(SYS_kcmp, tree.pid(), agents[0], KCMP_VM, 0, 0);
  if (same < 0) GTEST_SKIP() << "processes cannot be compared here";
  EXPECT_EQ(same, 0);
}

TEST(agent_tree, a_keeper_that_is_asked_to_end_leaves_no_process) {
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT}) {
    const std::string mark = new_mark();
    tree_driver tree;
    tree.send(marked_text(1, index_ranges(0), mark, family));
    ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
    ASSERT_EQ(::kill(tree.pid(), signal), 0);
    EXPECT_TRUE(tree.until_gone());
    EXPECT_TRUE(nothing_is_left(mark));
  }
}

TEST(agent_tree, a_killed_agent_leaves_no_process) {
  const std::string mark = new_mark();
  tree_driver tree;
  deploy_chain(tree, 1);
  tree.send(marked_text(1, index_ranges(0, 1), mark, family));
  ASSERT_TRUE(
      tree.until([&] { return tree.of(1, 0).out == "ready\n" && tree.of(1, 1).out == "ready\n"; }));
  const std::vector<pid_t> agents = agents_of(tree.pid());
  ASSERT_EQ(agents.size(), 1U);
  ASSERT_EQ(::kill(agents[0], SIGKILL), 0);
  EXPECT_TRUE(tree.until_gone());
  EXPECT_TRUE(nothing_is_left(mark));
}

TEST(agent_tree, a_killed_keeper_leaves_no_process) {
  const std::string mark = new_mark();
  tree_driver tree;
  tree.send(marked_text(1, index_ranges(0), mark, family));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
  ASSERT_EQ(::kill(tree.pid(), SIGKILL), 0);
  EXPECT_TRUE(tree.until_gone());
  EXPECT_TRUE(nothing_is_left(mark));
}

TEST(agent_tree, a_killed_inner_agent_costs_its_subtree_alone) {
  const std::string mark = new_mark();
  tree_driver tree;
  deploy_chain(tree, 3);
  tree.send(tree_driver::words(1, index_ranges(2), {"sh", "-c", "echo $PPID"}));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(2)));
  tree.send(marked_text(2, index_ranges(0, 3), mark, family));
  ASSERT_TRUE(tree.until([&] {
    for (std::uint32_t i = 0; i <= 3; ++i)
      if (tree.of(2, i).out != "ready\n") return false;
    return true;
  }));
  ASSERT_EQ(::kill(std::stoi(tree.of(1, 2).out), SIGKILL), 0);
  ASSERT_TRUE(tree.until_ended(2, index_ranges(2, 3)));
  EXPECT_EQ(tree.of(2, 2).end->how, command_end::lost);
  EXPECT_EQ(tree.of(2, 3).end->how, command_end::lost);
  ASSERT_TRUE(tree.until([&] { return !tree.host(2).up && !tree.host(3).up; }));
  // The others go on.
  EXPECT_FALSE(tree.of(2, 1).end);
  tree.send(tree_driver::words(3, index_ranges(0, 1), {"true"}));
  ASSERT_TRUE(tree.until_ended(3, index_ranges(0, 1)));
  tree.cancel(2, index_ranges(0, 1));
  ASSERT_TRUE(tree.until_ended(2, index_ranges(0, 1)));
  EXPECT_TRUE(nothing_is_left(mark));
}

TEST(agent_tree, an_order_for_a_host_that_is_nowhere_is_refused) {
  tree_driver tree;
  tree.link().hand_over(index_ranges(7));
  tree.send(tree_driver::words(1, index_ranges(7), {"true"}));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(7)));
  EXPECT_EQ(tree.of(1, 7).end->how, command_end::not_started);
}

TEST(agent_tree, a_term_signal_ends_it_in_order) {
  tree_driver tree;
  deploy_chain(tree, 1);
  ASSERT_EQ(::kill(tree.pid(), SIGTERM), 0);
  EXPECT_TRUE(tree.until_gone());
  EXPECT_EQ(tree.status(), 0);
}

const std::vector<std::string> with_stage_1{"env", "EXECO_HOST=%h", "sh", "-c"};

TEST(agent_tree, words_of_a_connector_and_stage_1_lead_to_agents) {
  constexpr std::uint32_t last = 6;
  tree_driver tree;
  tree.use_connector(with_stage_1);
  tree.deploy(1, last);
  ASSERT_TRUE(tree.until_up(1, last)) << tree.link().fault_words();
  tree.send(tree_driver::text(1, index_ranges(1, last), "echo \"$EXECO_HOST\"; umask"));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(1, last)));
  const mode_t mask = ::umask(022);
  ::umask(mask);
  for (std::uint32_t host = 1; host <= last; ++host) {
    const std::string& out = tree.of(1, host).out;
    const std::string name = "h" + std::to_string(host) + "\n";
    ASSERT_TRUE(out.starts_with(name)) << out;
    EXPECT_EQ(std::stoul(out.substr(name.size()), nullptr, 8), mask);
  }
}

TEST(agent_tree, a_connector_that_fails_says_why) {
  tree_driver tree;
  tree.use_connector({"sh", "-c", "echo \"no route to %h\" >&2; exit 255"});
  tree.deploy(1, 1);
  tree.send(tree_driver::words(1, index_ranges(1), {"true"}));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(1)));
  EXPECT_EQ(tree.of(1, 1).end->how, command_end::not_started);
  ASSERT_TRUE(tree.until([&] {
    return tree.host(1).last && tree.host(1).last->state == detail::tree_host_state::failed;
  }));
  EXPECT_NE(tree.host(1).last->text.find("no route to h1"), std::string::npos)
      << tree.host(1).last->text;
}

TEST(agent_tree, a_child_that_breaks_the_protocol_costs_itself_alone) {
  tree_driver tree;
  // It says that an agent has started, then something else than an agent would.
  tree.use_connector(
      {"sh", "-c",
       "read -r nonce name; "
       "echo \"execo1 $nonce ready Linux x86_64 unlinked\"; exec 3<&0; cat <&3 >/dev/null & "
       "echo \"execo1 $nonce start\"; echo this is no frame, whatever it may be; wait",
       "sh"});
  tree.deploy(1, 1);
  ASSERT_TRUE(tree.until([&] {
    return tree.host(1).last && tree.host(1).last->state == detail::tree_host_state::failed;
  }));
  tree.send(tree_driver::words(1, index_ranges(0), {"true"}));
  ASSERT_TRUE(tree.until_ended(1, index_ranges(0)));
  EXPECT_EQ(tree.host(1).last->why, detail::host_failure::protocol) << tree.host(1).last->text;
}

TEST(agent_tree, its_program_is_small) {
#ifndef NDEBUG
  GTEST_SKIP() << "assertions take room";
#endif
  EXPECT_LE(std::filesystem::file_size(tree_driver::program()), 800U * 1024);
}

}  // namespace
}  // namespace execo::test
