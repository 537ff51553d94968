// `execo run` against OpenSSH's own server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "child_processes.hpp"
#include "file_bytes.hpp"
#include "fleet_fixture.hpp"
#include "program.hpp"
#include "slow_proxy.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using testing::HasSubstr;

class execo_run_on_sshd : public testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    server_ = std::make_unique<sshd_fixture>();
  }

  std::vector<std::string> run(const std::vector<std::string>& more) const {
    std::vector<std::string> words{EXECO_TOOL,
                                   "run",
                                   "-p",
                                   std::to_string(server_->port()),
                                   "-i",
                                   server_->identity(),
                                   "--host-keys",
                                   "accept-new",
                                   "--known-hosts",
                                   server_->directory() + "/tool_known_hosts"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  void end_commands() const {
    for (pid_t left : server_->commands()) ::kill(left, SIGKILL);
  }

  std::unique_ptr<sshd_fixture> server_;
};

TEST_F(execo_run_on_sshd, many_hosts_answer_alike) {
  outcome o = run_program(run({"-w", "127.5.0.[1-40]", "-l", server_->user(), "-b", "uname -s"}));
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "---------------\n127.5.0.[1-40] (40)\n---------------\nLinux\n");
}

TEST_F(execo_run_on_sshd, a_host_is_reached_as_ssh_config_says) {
  std::string file = server_->directory() + "/ssh_config";
  std::ofstream(server_->directory() + "/known") << "web " << server_->host_key() << "\n";
  std::ofstream(file) << "Host web*\nHostName 127.5.0.%h\nHost *\nHostName 127.5.0.7\nUser "
                      << server_->user() << "\nPort 1\nHostKeyAlias web\nIdentityFile "
                      << server_->identity() << "\nUserKnownHostsFile " << server_->directory()
                      << "/known\n";
  std::string port = "Port=" + std::to_string(server_->port());
  outcome o = run_program(
      {EXECO_TOOL, "run", "-F", file, "-o", port, "-w", "db", "--", "echo ${SSH_CONNECTION#* * }"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "db: 127.5.0.7 " + std::to_string(server_->port()) + "\n");
}

TEST_F(execo_run_on_sshd, a_mistake_in_ssh_config_is_found_before_the_first_host) {
  std::string file = server_->directory() + "/ssh_config";
  std::ofstream(file) << "Host other\nPort x\n";
  outcome o = run_program({EXECO_TOOL, "run", "-F", file, "-w", "db", "true"});
  EXPECT_EQ(o.code, 2);
  EXPECT_EQ(o.err, "execo: " + file + ":2: port 'x': not a port; take one from 1 to 65535\n");
  o = run_program({EXECO_TOOL, "run", "-F", "none", "-o", "Nono=1", "-w", "db", "true"});
  EXPECT_EQ(o.code, 2);
  EXPECT_THAT(o.err, HasSubstr("execo: -o 'Nono=1': 'nono' is not a keyword"));
}

// The directory of the control sockets of the program ssh, by the arguments of one that runs.
std::string control_directory_of(pid_t tool) {
  for (pid_t child : child_processes(tool)) {
    const std::string words = file_bytes("/proc/" + std::to_string(child) + "/cmdline");
    const std::size_t at = words.find("/tmp/execo-");
    if (at != std::string::npos) return words.substr(at, words.find('/', at + 5) - at);
  }
  return {};
}

TEST_F(execo_run_on_sshd, a_killed_tool_leaves_no_control_socket_of_the_program_ssh) {
  program tool(run({"--via", "openssh", "-w", "127.5.0.[1-3]", "-l", server_->user(), "-F", "none",
                    "--", "echo here; exec sleep 1000"}));
  for (const char* host : {"127.5.0.1", "127.5.0.2", "127.5.0.3"})
    ASSERT_TRUE(tool.out_has(std::string(host) + ": here"));
  const std::string directory = control_directory_of(tool.pid());
  EXPECT_TRUE(std::filesystem::is_directory(directory)) << directory;
  tool.kill(SIGKILL);
  EXPECT_EQ(tool.finish().signal, SIGKILL);
  EXPECT_TRUE(soon([&] { return !std::filesystem::exists(directory); })) << directory;
  end_commands();
}

TEST_F(execo_run_on_sshd, an_interrupt_leaves_no_command_behind) {
  for (const std::string& user : server_->login_users()) {
    program tool(run({"-w", "127.5.0.[1-5]", "-l", user, "--", "echo here; sleep 1000"}));
    for (int i = 1; i <= 5; ++i)
      ASSERT_TRUE(tool.out_has("127.5.0." + std::to_string(i) + ": here\n")) << user;
    tool.kill(SIGINT);
    outcome o = tool.finish();
    EXPECT_EQ(o.code, 130) << user;
    EXPECT_THAT(o.err, HasSubstr("5 hosts (127.5.0.[1-5]): cancelled while it ran")) << user;
    EXPECT_TRUE(server_->no_commands_left()) << user;
  }
}

TEST_F(execo_run_on_sshd, a_timeout_leaves_no_command_behind) {
  for (const std::string& user : server_->login_users()) {
    outcome o = run_program(run({"-u", "300ms", "-w", "127.5.0.[1-5]", "-l", user,
                                 "trap : TERM HUP; while :; do sleep 0.1; done"}));
    EXPECT_EQ(o.code, 4) << user;
    EXPECT_THAT(o.err, HasSubstr("execo: 5 hosts (127.5.0.[1-5]): timed out while it ran\n"));
    EXPECT_TRUE(server_->no_commands_left()) << user;
  }
}

TEST_F(execo_run_on_sshd, a_silent_command_is_ended) {
  outcome o = run_program(run(
      {"--first-output-timeout", "300ms", "-w", "127.5.0.1", "-l", server_->user(), "sleep 1000"}));
  EXPECT_EQ(o.code, 4);
  EXPECT_THAT(o.err, HasSubstr("execo: 127.5.0.1: `sleep 1000` timed out before its first output"));
  o = run_program(run({"--idle-timeout", "300ms", "--format", "ndjson", "-w", "127.5.0.1", "-l",
                       server_->user(), "sleep 1000"}));
  EXPECT_EQ(o.code, 4);
  EXPECT_THAT(o.out, HasSubstr("\"phase\":\"idle\""));
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_F(execo_run_on_sshd, a_leftover_that_holds_the_output_leaves_the_host_its_exit_code) {
  for (int code : {0, 3}) {
    std::string text = "sleep 300 & echo hi; exit " + std::to_string(code);
    outcome lines = run_program(run({"-w", "127.5.0.1", "-l", server_->user(), text}));
    EXPECT_EQ(lines.code, code == 0 ? 0 : 1) << lines.err;
    EXPECT_EQ(lines.out, "127.5.0.1: hi\n");
    EXPECT_THAT(lines.err,
                HasSubstr("execo: 127.5.0.1: the command ended, but its output did not"));
    outcome objects =
        run_program(run({"-w", "127.5.0.1", "-l", server_->user(), "--format", "ndjson", text}));
    EXPECT_EQ(objects.code, lines.code);
    EXPECT_THAT(objects.out, HasSubstr("\"output_complete\":false"));
    if (code == 0) {
      EXPECT_THAT(objects.err, HasSubstr("1 host: 1 ok (1 with output cut short), 0 failed"));
    }
    end_commands();
  }
}

TEST_F(execo_run_on_sshd, output_beyond_the_cap_leaves_the_host_its_exit_code) {
  outcome o = run_program(run({"-w", "127.5.0.1", "-l", server_->user(), "--format", "ndjson",
                               "--max-output", "10", "seq 100"}));
  EXPECT_EQ(o.code, 0);
  EXPECT_THAT(o.out, HasSubstr("\"out_dropped\":282,\"err_dropped\":0,\"dropped_by\":\"stream\","
                               "\"output_complete\":false"));
  EXPECT_THAT(o.err, HasSubstr("1 ok (1 with output cut short), 0 failed"));
}

TEST_F(execo_run_on_sshd, a_host_that_falls_silent_before_the_end_of_its_output_has_failed) {
  way deaf;
  deaf.hold_after = 10'000;  // what opens the window is lost
  deaf.loses = true;
  slow_proxy proxy(server_->port(), deaf);
  std::string config = server_->directory() + "/config.toml";
  std::ofstream(config) << "drain_timeout = 0.1\n[ssh]\nanswer_limit = 0.3\n";
  std::vector<std::string> words =
      run({"-p", std::to_string(proxy.port()), "-w", "127.5.0.1", "-l", server_->user(), "--format",
           "ndjson", "head -c 100000 /dev/zero | tr '\\0' a"});
  outcome o = program(words, {"EXECO_CONFIG=" + config}).finish();
  EXPECT_EQ(o.code, 3) << o.err;
  EXPECT_THAT(o.out, HasSubstr("\"end\":\"output_failed\",\"phase\":\"drain\",\"code\":0"));
  EXPECT_THAT(o.out, HasSubstr("the server has been silent for 300 ms"));
  EXPECT_THAT(o.out, HasSubstr("\"output_complete\":false"));
  EXPECT_THAT(o.err, HasSubstr("0 ok, 1 failed (1 output_failed)"));
}

}  // namespace
}  // namespace execo::test
