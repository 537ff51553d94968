// How execo-fleet begins and ends: one line when ready, one line when misused, nothing left behind.
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "fleet_fixture.hpp"
#include "ssh_client.hpp"

namespace {

using namespace execo::test;
using strings = std::vector<std::string>;

/// A command that ignores TERM, one with a child, one that has made itself a daemon.
void start_stubborn_commands(ssh_client& client, std::vector<std::unique_ptr<ssh_command>>& to) {
  for (const char* text :
       {"trap '' TERM HUP; echo ready; sleep 1000; sleep 1000", "echo ready; sleep 1000; :",
        "setsid sh -c 'sleep 1000; :' < /dev/null > /dev/null 2>&1 & echo ready"}) {
    to.push_back(std::make_unique<ssh_command>(client, text));
    ASSERT_TRUE(to.back()->out_has("ready\n"));
  }
}

TEST(fleet_life, the_ready_line_tells_hosts_port_pid_and_key) {
  fleet_fixture fleet("127.1.[0-3].[1-250]", {"--exec", "canned"});
  EXPECT_TRUE(fleet.ready_line().starts_with("execo-fleet: ready: 1000 hosts on port " +
                                             std::to_string(fleet.port()) + " (pid " +
                                             std::to_string(fleet.pid()) + "), host key SHA256:"))
      << fleet.ready_line();
  outcome end = fleet.end(SIGTERM);
  EXPECT_EQ(end.out, fleet.ready_line() + "\n");
  EXPECT_EQ(end.err, "");
  EXPECT_EQ(end.code, 0);
}

TEST(fleet_life, term_ends_all_that_runs_and_exits_0) {
  fleet_fixture fleet("127.1.0.1", {"--stats"});
  ssh_client client(fleet, "127.1.0.1");
  std::vector<std::unique_ptr<ssh_command>> commands;
  start_stubborn_commands(client, commands);
  outcome end = fleet.end(SIGTERM);
  EXPECT_EQ(end.code, 0);
  EXPECT_TRUE(end.err.starts_with("execo-fleet: 1 connections (1 at once), 1 logins, 3 commands, "))
      << end.err;
  EXPECT_TRUE(fleet.nothing_left());
}

TEST(fleet_life, int_does_the_same) {
  fleet_fixture fleet("127.1.0.1");
  EXPECT_EQ(fleet.end(SIGINT).code, 0);
  EXPECT_TRUE(fleet.nothing_left());
}

TEST(fleet_life, even_after_kill_nothing_of_it_runs) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  std::vector<std::unique_ptr<ssh_command>> commands;
  start_stubborn_commands(client, commands);
  EXPECT_EQ(fleet.end(SIGKILL).signal, SIGKILL);
  EXPECT_TRUE(fleet.nothing_left());
}

TEST(fleet_life, without_its_keeper_it_ends_and_so_do_its_commands) {
  fleet_fixture fleet("127.1.0.1");
  ssh_client client(fleet, "127.1.0.1");
  ssh_command command(client, "echo ready; exec sleep 1000");
  ASSERT_TRUE(command.out_has("ready\n"));
  std::string pid = std::to_string(fleet.pid());
  std::ifstream children("/proc/" + pid + "/task/" + pid + "/children");
  pid_t keeper = 0;
  ASSERT_TRUE(children >> keeper);
  ASSERT_EQ(::kill(keeper, SIGKILL), 0);
  EXPECT_TRUE(fleet.no_commands_left());
  outcome end = fleet.end(0);  // it ends by itself
  EXPECT_EQ(end.code, 1);
  EXPECT_EQ(end.err, "execo-fleet: the process that runs the commands died\n");
}

TEST(fleet_life, a_given_host_key_is_used) {
  fleet_fixture made("127.1.0.1", {"--exec", "canned"});
  fleet_fixture given("127.1.0.1", {"--exec", "canned", "--host-key", made.identity()});
  std::ifstream file(made.identity() + ".pub");
  std::string public_key;
  std::getline(file, public_key);
  EXPECT_TRUE(public_key.starts_with(given.host_key())) << public_key;
  EXPECT_NE(made.host_key(), given.host_key());
  EXPECT_EQ(run_program(given.ssh("127.1.0.1", "true")).code, 0);
}

TEST(fleet_life, misuse_is_one_line_and_exit_2) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned"});
  std::string keys = fleet.identity() + ".pub";
  strings good{"--hosts", "127.1.0.[1-3]", "--authorized-keys", keys};
  std::vector<strings> misuses{
      {},
      {"--bogus"},
      {"--hosts"},
      {"--hosts", "127.1.0.1"},
      {"--hosts", "10.0.0.1", "--authorized-keys", keys},
      {"--hosts", "node1", "--authorized-keys", keys},
      {"--hosts", "127.1.0.[3-1]", "--authorized-keys", keys},
      {"--hosts", "", "--authorized-keys", keys},
      {"--hosts", "127.1.0.1", "--authorized-keys", keys + ".not-there"},
      {"--hosts", "127.1.0.1", "--authorized-keys", "/dev/null"},
  };
  for (const strings& more : std::vector<strings>{{"--fault", "127.1.0.4:reset"},
                                                  {"--fault", "127.1.0.1:nonsense"},
                                                  {"--fault", "127.1.0.1:exit-256"},
                                                  {"--fault", "127.1.0.1:signal-NONE"},
                                                  {"--fault", "127.1.0.1"},
                                                  {"--latency", "soon"},
                                                  {"--port", "65536"},
                                                  {"--port", "ssh"},
                                                  {"--exec", "fake"},
                                                  {"--host-key", keys},
                                                  {"--write-known-hosts", "/not/there"},
                                                  {"--ready-fd", "77"},
                                                  {"--ready-fd", "-1"},
                                                  {"--"},
                                                  {"word"}}) {
    misuses.push_back(good);
    misuses.back().insert(misuses.back().end(), more.begin(), more.end());
  }
  for (const strings& misuse : misuses) {
    strings words{EXECO_FLEET};
    words.insert(words.end(), misuse.begin(), misuse.end());
    outcome end = run_program(words);
    std::string shown = testing::PrintToString(misuse) + end.err;
    EXPECT_EQ(end.code, 2) << shown;
    EXPECT_EQ(end.out, "") << shown;
    EXPECT_TRUE(end.err.starts_with("execo-fleet: ")) << shown;
    EXPECT_EQ(end.err.find('\n'), end.err.size() - 1) << shown;
  }
}

TEST(fleet_life, help_and_version_are_no_error) {
  outcome help = run_program({EXECO_FLEET, "--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("drop-mid-output"), std::string::npos);
  outcome version = run_program({EXECO_FLEET, "--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("execo-fleet "));
}

TEST(fleet_life, complains_in_printable_text) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned"});
  std::string keys = fleet.identity() + ".pub";
  for (const strings& words :
       std::vector<strings>{{"--hosts", "\x1b[2J", "--authorized-keys", keys},
                            {"--hosts", "127.1.0.1", "--authorized-keys", "/not/\x1b[2J"},
                            {"--\x1b[2J"},
                            {"--hosts", "127.1.0.1", "--authorized-keys", keys, "--exec", "canned",
                             "--", "/not/\x1b[2J"}}) {
    strings all{EXECO_FLEET};
    all.insert(all.end(), words.begin(), words.end());
    outcome end = run_program(all);
    EXPECT_NE(end.code, 0);
    EXPECT_EQ(end.err.find('\x1b'), std::string::npos) << end.err;
    EXPECT_NE(end.err.find("^[[2J"), std::string::npos) << end.err;
  }
}

TEST(fleet_life, help_that_cannot_be_written_is_a_failure) {
  for (const char* question : {"--help", "--version"}) {
    outcome end = run_program({"sh", "-c", "exec \"$0\" \"$1\" >/dev/full", EXECO_FLEET, question});
    EXPECT_EQ(end.code, 1) << question;
    EXPECT_EQ(end.err, "execo-fleet: standard output: No space left on device\n");
  }
}

TEST(fleet_life, a_port_in_use_is_told) {
  fleet_fixture fleet("127.1.0.1", {"--exec", "canned"});
  outcome end = run_program({EXECO_FLEET, "--port", std::to_string(fleet.port()), "--hosts",
                             "127.1.0.1", "--authorized-keys", fleet.identity() + ".pub"});
  EXPECT_EQ(end.code, 1);
  EXPECT_NE(end.err.find("Address already in use"), std::string::npos) << end.err;
}

TEST(fleet_life, three_hundred_sessions_live_at_once) {
  fleet_fixture fleet("127.1.[0-3].[1-250]", {"--exec", "canned", "--stats"});
  std::vector<std::unique_ptr<ssh_client>> clients;
  for (int i = 0; i < 300; ++i)
    clients.push_back(std::make_unique<ssh_client>(
        fleet, "127.1." + std::to_string(i / 100) + "." + std::to_string(i % 100 + 1)));
  for (auto& client : clients) EXPECT_EQ(client->run("exit 3").code, 3);
  outcome end = fleet.end(SIGTERM);
  EXPECT_TRUE(
      end.err.starts_with("execo-fleet: 300 connections (300 at once), 300 logins, 300 commands, "))
      << end.err;
}

TEST(fleet_life, too_few_descriptors_make_clients_wait_not_fail) {
  fleet_fixture fleet("127.1.0.[1-100]");  // for its keys
  std::string hosts = fleet.directory() + "/known_hosts";
  program narrow({"sh", "-c", "ulimit -n 40 && exec \"$0\" \"$@\"", EXECO_FLEET, "--hosts",
                  "127.1.0.[1-100]", "--exec", "canned", "--authorized-keys",
                  fleet.identity() + ".pub", "--write-known-hosts", hosts});
  ASSERT_TRUE(narrow.out_has("\n"));
  std::size_t at = narrow.out().find(" on port ") + 9;
  std::string port = std::to_string(std::stoi(narrow.out().substr(at)));
  std::vector<program> clients;
  for (int i = 1; i <= 60; ++i) {
    strings words = fleet.ssh("127.1.0." + std::to_string(i), "hostname");
    words[4] = port;
    clients.emplace_back(words);
  }
  for (int i = 1; i <= 60; ++i)
    EXPECT_EQ(clients[i - 1].finish().out, "127.1.0." + std::to_string(i) + "\n");
  narrow.kill(SIGTERM);
  EXPECT_EQ(narrow.finish().code, 0);
}

/// The words of a fleet with keys and known_hosts of `made`, and after them `-- sh -c TEXT`.
strings with_command(const fleet_fixture& made, const std::string& text) {
  return {EXECO_FLEET,
          "--hosts",
          "127.1.0.[1-20]",
          "--authorized-keys",
          made.identity() + ".pub",
          "--write-known-hosts",
          made.directory() + "/hosts_of_second",
          "--",
          "sh",
          "-c",
          text};
}

TEST(fleet_command_line, runs_a_command_when_ready_and_ends_with_it) {
  fleet_fixture keys("127.1.0.1", {"--exec", "canned"});
  outcome end = run_program(with_command(
      keys, std::string("exec ") + EXECO_TOOL +
                " run -w '127.1.0.[1-20]' -p $EXECO_FLEET_PORT -i " + keys.identity() +
                " --known-hosts " + keys.directory() + "/hosts_of_second -b -- 'uname -s'"));
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_NE(end.out.find("127.1.0.[1-20] (20)"), std::string::npos) << end.out;
  EXPECT_NE(end.err.find("execo-fleet: ready: 20 hosts on port "), std::string::npos) << end.err;
}

TEST(fleet_command_line, ends_with_the_status_of_its_command) {
  fleet_fixture keys("127.1.0.1", {"--exec", "canned"});
  EXPECT_EQ(run_program(with_command(keys, "exit 7")).code, 7);
  EXPECT_EQ(run_program(with_command(keys, "kill -KILL $$")).code, 128 + SIGKILL);
  strings missing = with_command(keys, "");
  missing.resize(8);
  missing.push_back("no-such-program");
  outcome end = run_program(missing);
  EXPECT_EQ(end.code, 127);
  EXPECT_NE(end.err.find("execo-fleet: no-such-program: No such file"), std::string::npos)
      << end.err;
}

TEST(fleet_command_line, passes_its_own_end_on_to_the_command_and_waits_for_it) {
  fleet_fixture keys("127.1.0.1", {"--exec", "canned"});
  program fleet(with_command(
      keys, "trap 'echo cleaned; exit 5' TERM; echo up; while :; do read -r x <&1; done"));
  ASSERT_TRUE(fleet.out_has("up\n"));
  fleet.kill(SIGTERM);
  outcome end = fleet.finish();
  EXPECT_EQ(end.code, 5);
  EXPECT_NE(end.out.find("cleaned"), std::string::npos) << end.out;
}

TEST(fleet_command_line, kills_a_command_that_ignores_its_end_when_asked_again) {
  fleet_fixture keys("127.1.0.1", {"--exec", "canned"});
  program fleet(with_command(keys, "trap 'echo ignored' TERM; echo up; while :; do sleep 1; done"));
  ASSERT_TRUE(fleet.out_has("up\n"));
  fleet.kill(SIGTERM);
  ASSERT_TRUE(fleet.out_has("ignored\n"));
  fleet.kill(SIGTERM);
  EXPECT_EQ(fleet.finish().code, 128 + SIGKILL);
}

int number_after(const std::string& text, const std::string& label) {
  std::size_t at = text.find(label);
  return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + label.size());
}

TEST(fleet_command_line, writes_its_port_to_the_ready_descriptor_and_closes_it) {
  fleet_fixture keys("127.1.0.1", {"--exec", "canned"});
  // The reader sees the end of the file while the fleet runs on: its keeper holds no copy.
  program fleet({"sh", "-c",
                 "exec 3>&1; { \"$0\" \"$@\" --ready-fd 4 4>&1 >/dev/null 2>&1 3>&- & "
                 "echo pid $! >&3; } | { read -r port; cat; echo port $port; }",
                 EXECO_FLEET, "--hosts", "127.1.0.1", "--authorized-keys",
                 keys.identity() + ".pub"});
  ASSERT_TRUE(fleet.out_has("port "));
  ASSERT_TRUE(fleet.out_has("pid "));
  EXPECT_GT(number_after(fleet.finish().out, "port "), 0);
  int pid = number_after(fleet.out(), "pid ");
  ASSERT_GT(pid, 0);
  EXPECT_EQ(::kill(pid, SIGTERM), 0);
  EXPECT_TRUE(soon([pid] { return ::kill(pid, 0) != 0; }));
}

/// The first indented block of a page of docs/, as somebody would paste it.
std::string first_block(const std::string& page) {
  std::ifstream file(std::string(EXECO_TEST_DATA) + "/../../docs/" + page);
  std::string block, line;
  while (std::getline(file, line)) {
    if (line.starts_with("    ")) {
      block += line.substr(4) + "\n";
    } else if (!block.empty()) {
      break;
    }
  }
  return block;
}

TEST(fleet_command_line, the_quick_start_of_its_page_works_as_pasted) {
  scratch_directory folder;
  std::string programs = std::string(EXECO_TOOL).substr(0, std::string(EXECO_TOOL).rfind('/'));
  std::string block = first_block("fleet.md");
  ASSERT_NE(block.find("execo-fleet"), std::string::npos) << block;
  program pasted({"sh", "-ec",
                  "cd '" + folder.path() + "' && mkdir build && ln -s '" + programs +
                      "' build/bin\n" + block});
  outcome end = pasted.finish({}, std::chrono::minutes(2));
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_NE(end.out.find("127.1.[0-3].[1-250] (1000)"), std::string::npos) << end.out;
  EXPECT_NE(end.err.find("1000 hosts: 1000 ok, 0 failed"), std::string::npos) << end.err;
}

}  // namespace
