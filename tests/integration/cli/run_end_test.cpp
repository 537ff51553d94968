// How `execo run` ends: exit status, interrupts, output that is lost, nothing left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <fstream>

#include "sanitizers.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

TEST(execo_run_end, the_exit_status_tells_the_worst_end) {
  fleet_fixture fleet("127.4.0.[1-5]",
                      {"--fault", "127.4.0.2:exit-3", "--fault", "127.4.0.3:signal-TERM", "--fault",
                       "127.4.0.4:no-banner", "--fault", "127.4.0.5:reset"});
  auto code_of = [&](const std::string& hosts) {
    return run_program(execo_run(fleet, {"-t", "500ms", "-w", hosts, "true"})).code;
  };
  EXPECT_EQ(code_of("127.4.0.1"), 0);
  EXPECT_EQ(code_of("127.4.0.[1-2]"), 1);
  EXPECT_EQ(code_of("127.4.0.[1,3]"), 1);
  EXPECT_EQ(code_of("127.4.0.[1-4]"), 4);
  EXPECT_EQ(code_of("127.4.0.[1-5]"), 3);
}

TEST(execo_run_end, an_exit_255_is_no_lost_host) {
  fleet_fixture fleet("127.4.0.1");
  outcome o = run_program(execo_run(fleet, {"-w", "127.4.0.1", "exit 255"}));
  EXPECT_EQ(o.code, 1);
  EXPECT_THAT(o.err, HasSubstr("127.4.0.1: `exit 255` exited 255"));
}

TEST(execo_run_end, an_unknown_host_key_is_rejected_unless_told_otherwise) {
  fleet_fixture fleet("127.4.0.1");
  std::string other = fleet.directory() + "/other";
  std::vector<std::string> reach{"--known-hosts", other, "-w", "127.4.0.1"};
  auto with = [&](std::vector<std::string> more) {
    std::vector<std::string> words = reach;
    words.insert(words.end(), more.begin(), more.end());
    return run_program(execo_run(fleet, words));
  };
  outcome o = with({"true"});
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err, HasSubstr("host_key_rejected"));
  EXPECT_EQ(with({"--host-keys", "ignore", "true"}).code, 0);
  EXPECT_EQ(with({"true"}).code, 3);
  EXPECT_EQ(with({"--host-keys", "accept-new", "true"}).code, 0);
  EXPECT_EQ(with({"true"}).code, 0);
}

TEST(execo_run_end, every_fault_has_its_own_end_and_the_others_their_output) {
  fleet_fixture fleet("127.4.0.[1-60]",
                      {"--fault", "127.4.0.[1-5]:blackhole", "--fault", "127.4.0.[6-10]:stall-kex",
                       "--fault", "127.4.0.[11-15]:reject-auth", "--fault",
                       "127.4.0.[16-20]:stall-auth", "--fault", "127.4.0.[21-25]:drop-mid-output"});
  outcome o = run_program(
      execo_run(fleet, {"-f", "60", "-t", "2s", "-b", "-w", "127.4.0.[1-60]", "echo hi"}));
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.out, StartsWith("---------------\n127.4.0.[26-60] (35)\n---------------\nhi\n"));
  EXPECT_THAT(
      o.err,
      AllOf(HasSubstr("execo: 5 hosts (127.4.0.[1-5]): timed out while connecting\n"),
            HasSubstr("execo: 5 hosts (127.4.0.[6-10]): timed out during the key exchange\n"),
            HasSubstr("execo: 5 hosts (127.4.0.[11-15]): auth failed"),
            HasSubstr("execo: 5 hosts (127.4.0.[16-20]): timed out during authentication\n"),
            HasSubstr("execo: 5 hosts (127.4.0.[21-25]): connection lost"),
            HasSubstr("execo: 60 hosts: 35 ok, 25 failed (15 timed_out, 5 auth_failed, "
                      "5 connection_lost)")));
}

TEST(execo_run_end, a_timeout_ends_commands_that_ignore_term) {
  fleet_fixture fleet("127.4.0.[1-5]");
  outcome o = run_program(execo_run(
      fleet, {"-u", "300ms", "-w", "127.4.0.[1-5]", "trap : TERM; while :; do sleep 0.1; done"}));
  EXPECT_EQ(o.code, 4);
  EXPECT_THAT(o.err, HasSubstr("execo: 5 hosts (127.4.0.[1-5]): timed out while it ran\n"));
  EXPECT_TRUE(fleet.no_commands_left());
}

class interrupted : public testing::TestWithParam<int> {};

TEST_P(interrupted, it_stops_everything_and_names_what_is_missing) {
  fleet_fixture fleet("127.4.0.[1-40]");
  program tool(execo_run(
      fleet, {"-f", "10", "--max-output", "1M", "-w", "127.4.0.[1-40]", "echo here; sleep 1000"}));
  for (int i = 1; i <= 10; ++i)
    ASSERT_TRUE(tool.out_has("127.4.0." + std::to_string(i) + ": here\n"));
  tool.kill(GetParam());
  outcome o = tool.finish();
  EXPECT_FALSE(o.too_late);
  EXPECT_EQ(o.code, 130);
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: interrupted: 40 of 40 hosts did not complete\n"),
                           HasSubstr("execo: 10 hosts (127.4.0.[1-10]): cancelled while it ran\n"),
                           HasSubstr("execo: 30 hosts (127.4.0.[11-40]): not started\n")));
  EXPECT_TRUE(fleet.no_commands_left());
}

INSTANTIATE_TEST_SUITE_P(by, interrupted, testing::Values(SIGINT, SIGTERM, SIGHUP),
                         [](const auto& about) {
                           return std::string(::sigabbrev_np(about.param));
                         });

// The shell that called it has the signal, too, and goes on.
TEST(execo_run_end, ctrl_c_at_a_terminal_stops_everything_and_the_shell_has_its_status) {
  fleet_fixture fleet("127.4.0.[1-5]");
  std::vector<std::string> words = execo_run(
      fleet, {"--color", "never", "-w", "127.4.0.[1-5]", "(sleep 1000 & wait) & echo here; wait"});
  const std::string below_shell = "trap : INT; " + in_shell(words) + "; echo status $?";
  for (const auto& line : {words, std::vector<std::string>{"sh", "-c", below_shell}}) {
    program tool = program::on_terminal(line);
    for (int i = 1; i <= 5; ++i)
      ASSERT_TRUE(tool.out_has("127.4.0." + std::to_string(i) + ": here\r\n")) << tool.out();
    tool.type("\x03");
    outcome o = tool.finish();
    EXPECT_FALSE(o.too_late);
    EXPECT_THAT(o.out, HasSubstr("execo: interrupted: 5 of 5 hosts did not complete\r\n"));
    if (line == words) {
      EXPECT_EQ(o.code, 130) << o.out;
    } else {
      EXPECT_THAT(o.out, HasSubstr("status 130\r\n"));
    }
    EXPECT_TRUE(fleet.no_commands_left());
  }
}

TEST(execo_run_end, an_interrupt_shows_what_was_gathered) {
  fleet_fixture fleet("127.4.0.[1-6]");
  // The flag tells when the last of those that end has ended: it runs alone, behind the others.
  std::string flag = fleet.directory() + "/flag";
  program tool(execo_run(
      fleet, {"-f", "1", "-b", "-w", "127.4.0.[1-6]",
              "echo x; test ${FLEET_HOST##*.} -lt 4 || { touch " + flag + "; sleep 1000; }"}));
  ASSERT_TRUE(soon([&] { return run_program({"test", "-e", flag}).code == 0; }));
  tool.kill(SIGINT);
  outcome o = tool.finish();
  EXPECT_EQ(o.code, 130);
  EXPECT_THAT(o.out, StartsWith("---------------\n127.4.0.[1-3] (3)\n---------------\nx\n"));
  EXPECT_THAT(o.err, AllOf(HasSubstr("interrupted: 3 of 6"), HasSubstr("127.4.0.4: cancelled"),
                           HasSubstr("2 hosts (127.4.0.[5-6]): not started")));
}

TEST(execo_run_end, an_interrupt_gets_through_while_nobody_reads_the_output) {
  fleet_fixture fleet("127.4.0.[1-3]");
  program tool(execo_run(fleet, {"-w", "127.4.0.[1-3]", "yes"}));
  ASSERT_TRUE(tool.out_has("y\n"));
  tool.kill(SIGINT);
  EXPECT_TRUE(soon([&] { return !tool.running(); }));
  EXPECT_TRUE(fleet.no_commands_left());
  EXPECT_EQ(tool.finish().code, 130);
}

TEST(execo_run_end, an_interrupt_does_not_ask_an_unread_output_again_and_again) {
  if (run_program({"sh", "-c", "strace -D -f --seccomp-bpf -o /dev/null true"}).code != 0)
    GTEST_SKIP() << "no strace, or it may not trace";
  // Few hosts, and no stop at any other call: traced by a busy machine, the tool is slow.
  fleet_fixture fleet("127.4.0.[1-8]");
  std::string calls = fleet.directory() + "/calls";
  std::vector<std::string> words = execo_run(fleet, {"-f", "8", "-w", "127.4.0.[1-8]", "yes"});
  std::vector<std::string> traced{"strace", "-D",         "-f", "--seccomp-bpf",
                                  "-e",     "trace=poll", "-o", calls};
  traced.insert(traced.end(), words.begin(), words.end());
  program tool(traced);
  ASSERT_TRUE(tool.out_has("y\n"));
  tool.kill(SIGINT);
  EXPECT_TRUE(soon([&] { return !tool.running(); }));
  std::size_t asked = 0;
  std::ifstream lines(calls);
  for (std::string line; std::getline(lines, line);)
    if (line.find("[{fd=1, events=POLLOUT}") != line.npos) ++asked;
  EXPECT_GT(asked, 0u);
  EXPECT_LT(asked, 2'000u);
}

TEST(execo_run_end, output_that_nobody_reads_any_more_ends_the_run_quietly) {
  fleet_fixture fleet("127.4.0.[1-3]");
  outcome o = run_program({"sh", "-c",
                           "{ " + in_shell(execo_run(fleet, {"-w", "127.4.0.[1-3]", "yes"})) +
                               "; echo status $? >&2; } | head -n 1"});
  EXPECT_THAT(o.out, testing::EndsWith(": y\n"));
  EXPECT_EQ(o.err, "status 74\n");
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(execo_run_end, a_full_disk_is_told_in_one_line) {
  fleet_fixture fleet("127.4.0.[1-3]");
  for (const char* layout : {"-b", "-L", "--format=ndjson"}) {
    outcome o = run_program(
        {"sh", "-c",
         in_shell(execo_run(fleet, {layout, "-w", "127.4.0.[1-3]", "echo x"})) + "> /dev/full"});
    EXPECT_EQ(o.code, 74) << layout;
    EXPECT_EQ(o.err, "execo: standard output: No space left on device\n") << layout;
  }
}

TEST(execo_run_end, a_closed_stdout_is_told_and_takes_nothing_of_ours) {
  fleet_fixture fleet("127.4.0.[1-3]");
  std::string run = in_shell(execo_run(fleet, {"-b", "-w", "127.4.0.[1-3]", "echo x"}));
  outcome o = run_program({"sh", "-c", run + ">&-"});
  EXPECT_EQ(o.code, 74);
  EXPECT_EQ(o.err, "execo: standard output: Bad file descriptor\n");
  // Nowhere to tell it.
  EXPECT_EQ(run_program({"sh", "-c", run + ">&- 2>&- <&-"}).code, 74);
  outcome shown = run_program({"sh", "-c", run + "2>&- <&-"});
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.out, HasSubstr("x\n"));
  EXPECT_EQ(run_program({"sh", "-c", std::string(EXECO_TOOL) + " --version >&-"}).code, 74);
}

TEST(execo_run_end, too_little_memory_ends_in_good_order) {
  if (address_sanitizer || thread_sanitizer)
    GTEST_SKIP() << "a sanitizer needs all the addresses there are";
  // Few hosts with much output: a fleet of many is too slow on a busy machine for their last
  // second.
  fleet_fixture fleet("127.4.0.[1-8]");
  std::string command = "head -c 8000000 /dev/zero | tr \\0 x; sleep 1000";
  for (const char* layout : {"-b", "--format=ndjson", "-L"}) {
    outcome o =
        run_program({"sh", "-c",
                     "ulimit -v 60000; exec " +
                         in_shell(execo_run(fleet, {"-u", "3s", "-f", "8", "--max-output", "16M",
                                                    layout, "-w", "127.4.0.[1-8]", command})) +
                         "> /dev/null"});
    EXPECT_EQ(o.code, 71) << layout << ": " << o.err;
    EXPECT_THAT(o.err, AllOf(HasSubstr("out of memory"), HasSubstr("8 hosts: "))) << layout;
    EXPECT_TRUE(fleet.no_commands_left()) << layout << ": " << o.err;
  }
}

TEST(execo_run_end, few_descriptors_narrow_the_window_and_are_told) {
  fleet_fixture fleet("127.4.0.[1-200]");
  outcome o = run_program(
      {"sh", "-c",
       "ulimit -n 64; exec " +
           in_shell(execo_run(fleet, {"-f", "200", "-b", "-w", "127.4.0.[1-200]", "uname"}))});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, HasSubstr("127.4.0.[1-200] (200)"));
  EXPECT_THAT(o.err, AllOf(HasSubstr("execo: fanout reduced from 200 to "),
                           HasSubstr("the limit of open files is 64")));
}

TEST(execo_run_end, a_fleet_that_dies_leaves_lost_hosts) {
  fleet_fixture fleet("127.4.0.[1-5]");
  program tool(execo_run(fleet, {"-w", "127.4.0.[1-5]", "echo here; sleep 1000"}));
  for (int i = 1; i <= 5; ++i)
    ASSERT_TRUE(tool.out_has("127.4.0." + std::to_string(i) + ": here\n"));
  (void)fleet.end(SIGKILL);
  outcome o = tool.finish();
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.err, HasSubstr("execo: 5 hosts (127.4.0.[1-5]): connection lost"));
  EXPECT_TRUE(fleet.nothing_left());
}

TEST(execo_run_end, a_usage_error_is_one_clear_line) {
  for (std::vector<std::string> words :
       std::vector<std::vector<std::string>>{{"run", "--nope", "-w", "n1", "true"},
                                             {"run", "-w", "", "true"},
                                             {"run", "-w", "n[1-", "true"},
                                             {"run", "-w", "n[2-1]", "true"},
                                             {"run", "-w", "n1", "-i", "/nowhere/key", "true"},
                                             {"run", "-w", "n1", "-i", "/etc/hostname", "true"},
                                             {"run", "-w", "n1", "-p", "0", "true"},
                                             {"run", "-w", "n1"},
                                             {"run", "-w", "n1", "--"},
                                             {"run", "--hosts-file", "/nowhere/hosts", "true"},
                                             {"run", "true"},
                                             {"run"},
                                             {"nope"},
                                             {"--nope"},
                                             {}}) {
    words.insert(words.begin(), EXECO_TOOL);
    outcome o = run_program(words);
    EXPECT_EQ(o.code, 2) << in_shell(words);
    EXPECT_THAT(o.out, IsEmpty()) << in_shell(words);
    EXPECT_THAT(o.err, StartsWith("execo: ")) << in_shell(words);
    EXPECT_EQ(std::ranges::count(o.err, '\n'), 1) << o.err;
  }
}

TEST(execo, the_version_names_the_backend_and_the_libraries) {
  outcome o = run_program({EXECO_TOOL, "--version"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, testing::MatchesRegex("execo [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  for (std::vector<std::string> words : std::vector<std::vector<std::string>>{
           {EXECO_TOOL, "--version", "-v"}, {EXECO_TOOL, "-v", "--version"}}) {
    o = run_program(words);
    EXPECT_EQ(o.code, 0);
    EXPECT_THAT(o.out, AllOf(HasSubstr("\nbackend: "), HasSubstr("\nliburing: 2"),
                             HasSubstr("\nlibssh: 0."), HasSubstr("\nfmt: ")));
  }
}

TEST(execo, help_teaches) {
  outcome o = run_program({EXECO_TOOL, "--help"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, AllOf(HasSubstr("run"), HasSubstr("nodeset"), HasSubstr("clubak")));
  o = run_program({EXECO_TOOL, "run", "--help"});
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit status:"), HasSubstr("--argv")));
  EXPECT_THAT(o.err, IsEmpty());
}

}  // namespace
}  // namespace execo::test
