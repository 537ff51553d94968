// What execo-fleet does with commands: as OpenSSH's sshd would, seen by OpenSSH's ssh and by
// libssh.
#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fleet_fixture.hpp"
#include "random_bytes.hpp"
#include "ssh_client.hpp"

namespace {

using namespace execo::test;
using strings = std::vector<std::string>;

long resident_kilobytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
  return 0;
}

TEST(fleet_command, each_address_is_a_host_of_its_own) {
  fleet_fixture fleet("127.1.[0-3].[1-250]");
  for (const char* host : {"127.1.0.1", "127.1.2.77", "127.1.3.250"}) {
    remote_outcome end = ssh_client(fleet, host).run("echo $FLEET_HOST");
    EXPECT_EQ(end.out, std::string(host) + "\n");
    EXPECT_EQ(end.code, 0);
  }
}

TEST(fleet_command, openssh_gets_both_outputs_and_the_exit_code) {
  fleet_fixture fleet("127.1.0.1");
  outcome end = run_program(fleet.ssh("127.1.0.1", "echo out; echo err >&2; exit 3"));
  EXPECT_EQ(end.out, "out\n");
  EXPECT_EQ(end.err, "err\n");
  EXPECT_EQ(end.code, 3);
}

TEST(fleet_command, the_signal_that_ended_a_command_is_told) {
  fleet_fixture fleet("127.1.0.1");
  remote_outcome end = ssh_client(fleet, "127.1.0.1").run("kill -9 $$");
  EXPECT_EQ(end.signal, "KILL");
  EXPECT_EQ(end.code, -1);
}

TEST(fleet_command, fifty_megabytes_go_through_both_ways_unchanged) {
  fleet_fixture fleet("127.1.0.1");
  std::string bytes = random_bytes(7).take(50'000'000);
  outcome end = run_program(fleet.ssh("127.1.0.1", "cat"), bytes);
  EXPECT_EQ(end.code, 0);
  EXPECT_TRUE(end.out == bytes) << end.out.size() << " bytes came back";
}

TEST(fleet_command, both_outputs_stay_apart_and_whole) {
  fleet_fixture fleet("127.1.0.1");
  std::string bytes = random_bytes(8).take(1'000'000);
  remote_outcome end = ssh_client(fleet, "127.1.0.1").run("tee /dev/stderr", bytes);
  EXPECT_TRUE(end.out == bytes);
  EXPECT_TRUE(end.err == bytes);
}

TEST(fleet_command, a_client_that_does_not_read_makes_the_command_wait_and_not_the_fleet_grow) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  std::string done = fleet.directory() + "/done";
  long before = resident_kilobytes(fleet.pid());
  ssh_command command(client, "head -c 100000000 /dev/zero; echo > " + done);
  // With a fleet that takes everything it takes a tenth of that.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
  while (std::chrono::steady_clock::now() < deadline) {
    ASSERT_FALSE(std::ifstream(done).good()) << "the fleet took 100 MB for a client that waits";
    (void)::poll(nullptr, 0, 10);
  }
  EXPECT_LT(resident_kilobytes(fleet.pid()), before + 50'000);
  EXPECT_EQ(command.finish().out.size(), 100'000'000U);
  EXPECT_TRUE(std::ifstream(done).good());
}

TEST(fleet_command, input_waits_for_a_command_that_does_not_read) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  std::string gate = fleet.directory() + "/gate";
  ASSERT_EQ(run_program({"mkfifo", gate}).code, 0);
  ssh_command command(client, "read line < " + gate + "; wc -c");
  std::string bytes(3'000'000, 'x');
  outcome opened = run_program({"sh", "-c", "echo go > " + gate});
  EXPECT_EQ(opened.code, 0);
  command.write(bytes);
  command.close_input();
  EXPECT_EQ(command.finish().out, "3000000\n");
}

TEST(fleet_command, many_commands_share_a_session) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  std::vector<std::unique_ptr<ssh_command>> commands;
  for (int i = 0; i < 20; ++i)
    commands.push_back(
        std::make_unique<ssh_command>(client, "read x; echo $x; exit " + std::to_string(i)));
  for (int i = 19; i >= 0; --i) {
    commands[i]->write("number " + std::to_string(i) + "\n");
    remote_outcome end = commands[i]->finish();
    EXPECT_EQ(end.out, "number " + std::to_string(i) + "\n");
    EXPECT_EQ(end.code, i);
  }
}

TEST(fleet_command, the_environment_is_that_of_a_login) {
  fleet_fixture fleet("127.1.0.9");
  outcome end = run_program(fleet.ssh("127.1.0.9", "echo $FOO $FLEET_HOST; echo $SSH_CONNECTION",
                                      {"-o", "SetEnv=FOO=bar"}));
  EXPECT_TRUE(end.out.starts_with("bar 127.1.0.9\n127.")) << end.out;
  EXPECT_TRUE(end.out.ends_with(" 127.1.0.9 " + std::to_string(fleet.port()) + "\n")) << end.out;
}

TEST(fleet_command, a_terminal_is_one) {
  fleet_fixture fleet("127.1.0.1");
  outcome end = run_program(
      fleet.ssh("127.1.0.1", "test -t 0 && test -t 1 && test -t 2 && echo $TERM; exit 5", {"-tt"}));
  EXPECT_NE(end.out.find("\r\n"), std::string::npos) << end.out;
  EXPECT_EQ(end.code, 5);
}

TEST(fleet_command, a_shell_reads_its_commands_from_input) {
  fleet_fixture fleet("127.1.0.1");
  strings words = fleet.ssh("127.1.0.1", "");
  words.resize(words.size() - 2);  // neither "--" nor a command
  outcome end = run_program(words, "echo from the shell; exit 4\n");
  EXPECT_EQ(end.out, "from the shell\n");
  EXPECT_EQ(end.code, 4);
}

TEST(fleet_command, signal_requests_reach_the_whole_group) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  // The child says when it is there: a shell runs its trap only after the child of the moment.
  ssh_command command(client,
                      "trap 'echo got it; exit 9' TERM; sh -c 'echo ready; exec sleep 1000'; :");
  ASSERT_TRUE(command.out_has("ready\n"));
  command.signal("TERM");
  remote_outcome end = command.finish();
  EXPECT_EQ(end.out, "ready\ngot it\n");
  EXPECT_EQ(end.code, 9);
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(fleet_command, a_command_that_waits_for_its_latency_can_be_signalled) {
  fleet_fixture fleet("127.1.0.1", {"--latency", "1000s"});
  ssh_client client(fleet, "127.1.0.1");
  ssh_command command(client, "true");
  command.signal("INT");
  EXPECT_EQ(command.finish().signal, "INT");
}

TEST(fleet_command, a_client_that_goes_away_leaves_its_command_alone) {
  fleet_fixture fleet("127.1.0.1");
  {
    ssh_client client(fleet, "127.1.0.1");
    ssh_command command(client, "echo ready; exec sleep 1000");
    ASSERT_TRUE(command.out_has("ready\n"));
  }
  // The next login shows that the fleet has seen the end of the first.
  EXPECT_EQ(ssh_client(fleet, "127.1.0.1").run("true").code, 0);
  EXPECT_EQ(fleet.commands().size(), 1U);
}

TEST(fleet_command, a_terminal_hangs_up_when_its_client_goes_away) {
  fleet_fixture fleet("127.1.0.1");
  program ssh(fleet.ssh("127.1.0.1", "echo ready; exec sleep 1000", {"-tt"}));
  ASSERT_TRUE(ssh.out_has("ready"));
  ssh.kill(SIGKILL);
  EXPECT_TRUE(fleet.no_commands_left());
}

TEST(fleet_command, a_background_process_that_holds_the_output_keeps_the_channel_open) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  std::string gate = fleet.directory() + "/gate";
  ASSERT_EQ(run_program({"mkfifo", gate}).code, 0);
  ssh_command command(client, "(read line < " + gate + "; echo late) & echo early");
  ASSERT_TRUE(command.out_has("early\n"));
  EXPECT_EQ(run_program({"sh", "-c", "echo go > " + gate}).code, 0);
  EXPECT_EQ(command.finish().out, "early\nlate\n");
}

TEST(fleet_command, a_command_beyond_the_kernels_limit_fails_as_a_shell_says_it) {
  fleet_fixture fleet("127.1.0.1");
  remote_outcome end = ssh_client(fleet, "127.1.0.1").run(": " + std::string(140'000, 'x'));
  EXPECT_EQ(end.code, 126);
  EXPECT_NE(end.err.find("Argument list too long"), std::string::npos) << end.err;
}

TEST(fleet_command, keepalives_are_answered) {
  fleet_fixture fleet("127.1.0.1");
  outcome end =
      run_program(fleet.ssh("127.1.0.1", "sleep 2.5; echo alive",
                            {"-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"}));
  EXPECT_EQ(end.out, "alive\n");
}

TEST(fleet_command, canned_answers_are_those_of_the_documentation) {
  fleet_fixture fleet("127.1.0.[1,3]", {"--exec", "canned"});
  ssh_client client(fleet, "127.1.0.3");
  struct row {
    const char* command;
    const char* out;
    int code;
  };
  for (row r : {row{"uname -s", "Linux\n", 0}, row{" uname ", "Linux\n", 0}, row{"true", "", 0},
                row{":", "", 0}, row{"false", "", 1}, row{"exit 7", "", 7},
                row{"hostname", "127.1.0.3\n", 0}, row{"echo $FLEET_HOST", "127.1.0.3\n", 0},
                row{"echo two  words", "two  words\n", 0}, row{"echo", "\n", 0},
                row{"sleep 0.01", "", 0}, row{"make -j", "make -j\n", 0},
                row{"exit x", "exit x\n", 0}, row{"sleep x", "sleep x\n", 0}}) {
    remote_outcome end = client.run(r.command);
    EXPECT_EQ(end.out, r.out) << r.command;
    EXPECT_EQ(end.code, r.code) << r.command;
  }
  EXPECT_TRUE(fleet.commands().empty());
}

TEST(fleet_command, canned_commands_end_by_signals_too) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned"});
  ssh_client client(fleet, "127.1.0.1");
  ssh_command command(client, "sleep 1000");
  command.signal("TERM");
  EXPECT_EQ(command.finish().signal, "TERM");
}

TEST(fleet_command, rsa_and_ecdsa_keys_log_in_and_strangers_do_not) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned"});
  std::string keys = fleet.directory() + "/keys";
  std::string more = fleet.directory() + "/more", stranger = fleet.directory() + "/stranger";
  std::ofstream(keys) << "# a comment\n\nfrom=\"a b\",no-pty ";
  ASSERT_EQ(run_program({"ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", more}).code,
            0);
  ASSERT_EQ(run_program({"ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", stranger}).code, 0);
  ASSERT_EQ(run_program({"sh", "-c", "cat " + more + ".pub >> " + keys}).code, 0);
  fleet_fixture second("127.1.0.1", {"--exec", "canned", "--authorized-keys", keys});
  auto with_key = [&](const std::string& key) {
    strings words = second.ssh("127.1.0.1", "true");
    *std::find(words.begin(), words.end(), second.identity()) = key;
    return run_program(words).code;
  };
  EXPECT_EQ(with_key(more), 0);
  EXPECT_EQ(with_key(stranger), 255);
  EXPECT_EQ(with_key(second.identity()), 255);
  ASSERT_EQ(run_program({"sh", "-c", "cat " + stranger + ".pub > " + keys}).code, 0);
  fleet_fixture third("127.1.0.1", {"--exec", "canned", "--authorized-keys", keys});
  strings words = third.ssh("127.1.0.1", "true");
  *std::find(words.begin(), words.end(), third.identity()) = stranger;
  EXPECT_EQ(run_program(words).code, 0);
}

}  // namespace
