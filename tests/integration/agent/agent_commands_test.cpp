// What one agent does with commands on its host.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "temp_folder.hpp"
#include "tree_driver.hpp"

namespace execo::test {
namespace {

using detail::command_end;
using detail::execute_flag;
using detail::execute_message;
using detail::index_ranges;

const index_ranges self(0);

std::string all_bytes() {
  std::string bytes;
  for (int byte = 1; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  return bytes;
}

execute_message with(execute_message order, execute_flag flag) {
  order.flags |= static_cast<std::uint8_t>(flag);
  return order;
}

/// Runs it to its end as run 1.
const tree_driver::run_record& run(tree_driver& tree, const execute_message& order) {
  tree.send(order);
  EXPECT_TRUE(tree.until_ended(order.run, self)) << tree.link().fault_words();
  return tree.of(order.run, 0);
}

TEST(agent_commands, text_goes_to_the_login_shell) {
  tree_driver tree;
  const auto& r = run(tree, tree_driver::text(1, self, "echo out; echo \"$((6*7))\" >&2; exit 3"));
  ASSERT_TRUE(r.end);
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "42\n");
  EXPECT_EQ(r.end->how, command_end::exited);
  EXPECT_EQ(r.end->code, 3U);
  EXPECT_EQ(r.end->measures[0].output, 4U);
  EXPECT_TRUE(r.started);
}

TEST(agent_commands, words_arrive_as_they_are) {
  tree_driver tree;
  const auto& r = run(tree, tree_driver::words(1, self, {"printf", "%s", all_bytes()}));
  EXPECT_EQ(r.out, all_bytes());
}

TEST(agent_commands, nothing_of_how_their_agent_was_started_is_left_in_their_environment) {
  tree_driver tree;
  const auto& r = run(tree, tree_driver::words(1, self, {"env"}));
  EXPECT_NE(r.out.find("PATH="), std::string::npos);
  EXPECT_EQ(r.out.find("EXECO_NONCE"), std::string::npos);
}

TEST(agent_commands, a_signal_ends_one) {
  tree_driver tree;
  const auto& r = run(tree, tree_driver::text(1, self, "kill -USR1 $$"));
  ASSERT_TRUE(r.end);
  EXPECT_EQ(r.end->how, command_end::signaled);
  EXPECT_EQ(r.end->code, static_cast<std::uint32_t>(SIGUSR1));
}

TEST(agent_commands, a_signal_message_reaches_the_process_group) {
  tree_driver tree;
  tree.send(
      tree_driver::text(1, self, "trap 'exit 9' USR2; echo ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
  detail::signal_message signal;
  signal.run = 1;
  signal.hosts = self;
  signal.number = SIGUSR2;
  tree.send(signal);
  ASSERT_TRUE(tree.until_ended(1, self));
  // Its sleep was ended by the same signal: the shell says so, and goes on to the trap.
  EXPECT_EQ(tree.of(1, 0).end->code, 9U);
}

void end_by(tree_driver& tree, int number) {
  detail::signal_message signal;
  signal.run = 1;
  signal.hosts = self;
  tree.send(signal);
  signal.number = static_cast<std::uint8_t>(number);
  tree.send(signal);
}

/// As run 2 to 4. The agent goes on then.
testing::AssertionResult is_gone(tree_driver& tree, pid_t process, std::uint32_t run = 2) {
  tree.send(tree_driver::text(
      run, self, "while kill -0 " + std::to_string(process) + " 2>/dev/null; do sleep 0.01; done"));
  return tree.until_ended(run, self) ? testing::AssertionSuccess()
                                     : testing::AssertionFailure() << process << " is left";
}

// It begins to clean up once the shell is gone.
TEST(agent_commands, what_is_left_of_one_that_is_being_ended_has_its_grace) {
  tree_driver tree;
  tree.send(tree_driver::text(1, self,
                              "sh -c 'trap \"while kill -0 $PPID; do sleep 0.01; done 2>/dev/null; "
                              "echo clean; exit\" TERM; "
                              "echo ready; while :; do sleep 0.01; done' & sleep 1000; :"));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
  end_by(tree, SIGTERM);
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).out, "ready\nclean\n");
  EXPECT_TRUE(tree.of(1, 0).end->whole);
  EXPECT_EQ(tree.of(1, 0).end->code, static_cast<std::uint32_t>(SIGTERM));
}

TEST(agent_commands, what_is_left_of_a_cancelled_one_has_its_grace) {
  tree_driver tree;
  execute_message order =
      tree_driver::text(1, self,
                        "sh -c 'trap \"while kill -0 $PPID; do sleep 0.01; done 2>/dev/null; echo "
                        "clean; exit\" TERM; "
                        "echo ready; while :; do sleep 0.01; done' & sleep 1000; :");
  order.kill_grace_ms = 60'000;
  tree.send(order);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
  tree.cancel(1, self);
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).out, "ready\nclean\n");
}

// What ignores the signal is in the group of the shell, or has a session of its own.
TEST(agent_commands, one_that_is_being_ended_leaves_nothing) {
  for (const char* way : {"", "setsid "}) {
    for (const bool by_cancel : {false, true}) {
      tree_driver tree;
      execute_message order =
          tree_driver::text(1, self,
                            "echo $$; " + std::string(way) +
                                "sh -c 'trap \"\" TERM; echo $$; sleep 1000; :' & "
                                "sleep 1000; :");
      order.kill_grace_ms = 50;
      tree.send(order);
      ASSERT_TRUE(tree.until([&] { return std::ranges::count(tree.of(1, 0).out, '\n') == 2; }));
      std::size_t shell_digits = 0;
      const pid_t shell = std::stoi(tree.of(1, 0).out, &shell_digits);
      const pid_t stubborn = std::stoi(tree.of(1, 0).out.substr(shell_digits));
      if (by_cancel) {
        tree.cancel(1, self);
      } else {
        end_by(tree, SIGTERM);
        EXPECT_TRUE(is_gone(tree, shell));
        EXPECT_FALSE(tree.of(1, 0).end) << way << "what is left has its grace";
        end_by(tree, SIGKILL);
      }
      ASSERT_TRUE(tree.until_ended(1, self));
      EXPECT_EQ(tree.of(1, 0).end->code, by_cancel ? 0U : static_cast<std::uint32_t>(SIGTERM));
      EXPECT_TRUE(is_gone(tree, stubborn, 3)) << way;
    }
  }
}

TEST(agent_commands, what_was_stopped_hears_how_it_is_ended) {
  tree_driver tree;
  tree.send(tree_driver::text(1, self, "echo $$; kill -STOP $$; sleep 1000"));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out.ends_with('\n'); }));
  const std::string state = "/proc/" + std::to_string(std::stoi(tree.of(1, 0).out)) + "/status";
  (void)run(tree, tree_driver::text(
                      2, self, "until grep -q '^State:.T' " + state + "; do sleep 0.01; done"));
  end_by(tree, SIGTERM);
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).end->code, static_cast<std::uint32_t>(SIGTERM));
}

TEST(agent_commands, one_that_cannot_be_started_says_why) {
  tree_driver tree;
  const auto& missing = run(tree, tree_driver::words(1, self, {"/no/such/program"}));
  ASSERT_TRUE(missing.end);
  EXPECT_EQ(missing.end->how, command_end::not_started);
  EXPECT_EQ(missing.end->code, static_cast<std::uint32_t>(ENOENT));
  EXPECT_EQ(missing.end->text, "execve /no/such/program: No such file or directory");

  execute_message order = tree_driver::words(2, self, {"true"});
  order.directory = "/no/such/folder";
  const auto& folder = run(tree, order);
  ASSERT_TRUE(folder.end);
  EXPECT_EQ(folder.end->text, "chdir /no/such/folder: No such file or directory");
}

TEST(agent_commands, environment_and_directory_are_set) {
  tree_driver tree;
  execute_message order = tree_driver::words(1, self, {"sh", "-c", "pwd; echo \"$NAME\""});
  order.directory = "/usr";
  order.environment.emplace_back("NAME", "a b\nc");
  EXPECT_EQ(run(tree, order).out, "/usr\na b\nc\n");
}

TEST(agent_commands, input_is_credited_as_it_is_taken) {
  tree_driver tree;
  tree.send(with(tree_driver::words(1, self, {"cat"}), execute_flag::input));
  const std::string part(8000, 'x');
  for (int i = 1; i <= 20; ++i) {
    tree.input(1, 0, part, i == 20);
    ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).input_taken == part.size() * i; }));
  }
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).out.size(), part.size() * 20);
}

TEST(agent_commands, without_input_it_is_empty) {
  tree_driver tree;
  EXPECT_EQ(run(tree, tree_driver::words(1, self, {"wc", "-c"})).out, "0\n");
}

TEST(agent_commands, a_run_is_executed_once) {
  const temp_folder folder;
  tree_driver tree;
  const execute_message order =
      tree_driver::words(1, self, {"sh", "-c", "echo x >>" + (folder / "log")});
  (void)run(tree, order);
  tree.of(1, 0).end.reset();
  const auto& again = run(tree, order);
  ASSERT_TRUE(again.end);
  EXPECT_EQ(again.end->how, command_end::twice);
  EXPECT_EQ(folder.read("log"), "x\n");
}

TEST(agent_commands, ten_megabytes_of_output_arrive_whole) {
  tree_driver tree;
  const auto& r = run(tree, tree_driver::text(1, self, "head -c 10000000 /dev/zero"));
  ASSERT_TRUE(r.end);
  EXPECT_EQ(r.out.size(), 10'000'000U);
  EXPECT_TRUE(r.end->whole);
}

TEST(agent_commands, output_that_nobody_takes_blocks_its_command_alone) {
  tree_driver tree;
  tree.give_credit(false);
  tree.send(tree_driver::words(1, self, {"yes"}));
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out.size() == 65'536; }));
  // It is blocked, and others are not.
  const auto& other = run(tree, tree_driver::words(2, self, {"echo", "beside"}));
  EXPECT_EQ(other.out, "beside\n");
  EXPECT_EQ(tree.of(1, 0).out.size(), 65'536U);
  tree.give_credit(true);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out.size() > 1'000'000; }));
  tree.cancel(1, self);
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::cancelled);
}

TEST(agent_commands, output_above_the_cap_is_dropped_and_counted) {
  tree_driver tree;
  execute_message order = tree_driver::text(1, self, "head -c 3000000 /dev/zero");
  order.output_cap = 1000;
  const auto& r = run(tree, order);
  ASSERT_TRUE(r.end);
  EXPECT_EQ(r.out.size(), 1000U);
  EXPECT_EQ(r.end->measures[0].output, 3'000'000U);
  EXPECT_EQ(r.end->measures[0].output_dropped, 2'999'000U);
}

TEST(agent_commands, folded_output_comes_as_one_block_and_is_streamed_when_it_is_long) {
  tree_driver tree;
  const auto& small =
      run(tree, with(tree_driver::text(1, self, "echo a; echo b >&2"), execute_flag::fold));
  EXPECT_EQ(small.out, "a\n");
  EXPECT_EQ(small.err, "b\n");
  EXPECT_EQ(tree.folded_frames(), 2U);
  const auto& large =
      run(tree, with(tree_driver::text(2, self, "head -c 1000000 /dev/zero"), execute_flag::fold));
  EXPECT_EQ(large.out.size(), 1'000'000U);
  EXPECT_EQ(tree.folded_frames(), 2U);
}

TEST(agent_commands, cancel_kills_one_that_ignores_the_term_signal) {
  tree_driver tree;
  execute_message order =
      tree_driver::text(1, self, "trap '' TERM; echo ready; while :; do sleep 1000; done");
  order.kill_grace_ms = 50;
  tree.send(order);
  ASSERT_TRUE(tree.until([&] { return tree.of(1, 0).out == "ready\n"; }));
  tree.cancel(1, self);
  ASSERT_TRUE(tree.until_ended(1, self));
  EXPECT_EQ(tree.of(1, 0).end->how, command_end::cancelled);
  EXPECT_TRUE(tree.of(1, 0).end->forced);
}

TEST(agent_commands, a_limit_of_time_ends_one) {
  tree_driver tree;
  execute_message order = tree_driver::words(1, self, {"sleep", "1000"});
  order.run_limit_ms = 50;
  EXPECT_EQ(run(tree, order).end.value_or(detail::ended_message()).how, command_end::run_limit);
  order.run = 2;
  order.run_limit_ms = 0;
  order.idle_limit_ms = 50;
  EXPECT_EQ(run(tree, order).end.value_or(detail::ended_message()).how, command_end::idle_limit);
}

TEST(agent_commands, default_signals_and_the_umask_of_the_login_are_theirs) {
  tree_driver tree;
  const auto& r = run(
      tree, tree_driver::text(
                1, self, "grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd | wc -l"));
  EXPECT_EQ(r.out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n4\n");
  const mode_t mask = ::umask(022);
  ::umask(mask);
  const auto& masked = run(tree, tree_driver::text(2, self, "umask"));
  EXPECT_EQ(std::stoul(masked.out, nullptr, 8), mask);
}

TEST(agent_commands, its_folder_is_removed_first) {
  const temp_folder folder;
  const std::string own = folder / "execo-Ab12";
  std::filesystem::create_directory(own);
  (void)folder.write("execo-Ab12/agent", "a copy");
  tree_driver tree({own});
  (void)run(tree, tree_driver::words(1, self, {"true"}));
  EXPECT_FALSE(std::filesystem::exists(own));
}

TEST(agent_commands, no_other_folder_is) {
  const temp_folder folder;
  const std::string other = folder / "work";
  std::filesystem::create_directory(other);
  (void)folder.write("work/file", "of the user");
  tree_driver tree({other});
  (void)run(tree, tree_driver::words(1, self, {"true"}));
  EXPECT_EQ(folder.read("work/file"), "of the user");
}

}  // namespace
}  // namespace execo::test
