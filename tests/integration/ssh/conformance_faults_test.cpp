// What goes wrong on the way to a host: both speakers of ssh say the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <set>

#include "execo/log.hpp"
#include "execo/remote.hpp"
#include "execo/stdio.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "fake_peer.hpp"
#include "long_count.hpp"
#include "random_bytes.hpp"
#include "recorded_run.hpp"
#include "sshd_fixture.hpp"
#include "support/file_bytes.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

enum class way : std::uint8_t { libssh, openssh };

std::string name_of(way which) { return which == way::libssh ? "libssh" : "openssh"; }

class fault : public testing::TestWithParam<way> {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
  }
  void start(const std::string& more = {}) {
    server_ = std::make_unique<sshd_fixture>(more);
    options_ = options_for(*server_);
    options_.via = GetParam() == way::openssh ? ssh_client::openssh : ssh_client::built_in;
  }
  host_result run(const std::string& text = "true", const std::string& name = "127.1.0.1") {
    action_result all = sync_wait(remote(text, host(name)).ssh(options_));
    host_result r = all.all().at(0);
    EXPECT_EQ(r.error_context().find('\n'), std::string::npos);
    return r;
  }
  static void expect(const host_result& r, end_reason how, phase where,
                     failure_reason reason = failure_reason::none) {
    EXPECT_EQ(r.how(), how) << r.describe();
    EXPECT_EQ(r.phase(), where) << r.describe();
    EXPECT_EQ(to_string(r.reason()), to_string(reason)) << r.describe();
    if (how != end_reason::exited && how != end_reason::timed_out) {
      EXPECT_THAT(r.error_context(), HasSubstr(r.host.name()));
    }
    if (where < phase::run) {
      EXPECT_EQ(r.started_command(), certainty::no);
      EXPECT_FALSE(r.may_still_run());
    }
  }
  std::string known_hosts(const std::string& text) const {
    std::string file = server_->directory() + "/known";
    std::ofstream(file) << text;
    return file;
  }

  std::unique_ptr<sshd_fixture> server_;
  ssh_options options_;
};

TEST_P(fault, a_port_without_a_listener_is_refused_at_connect) {
  start();
  options_.port = 1;
  host_result r = run();
  expect(r, end_reason::connect_failed, phase::connect, failure_reason::refused);
  EXPECT_EQ(r.error(), std::errc::connection_refused);
  EXPECT_EQ(r.error_context(), "connect 127.1.0.1:1");
}

TEST_P(fault, a_name_without_an_address_fails_at_resolve) {
  start();
  expect(run("true", "no-such-host.invalid"), end_reason::connect_failed, phase::resolve,
         failure_reason::unknown_host);
}

TEST_P(fault, a_host_key_that_is_unknown_changed_or_revoked_is_rejected) {
  start();
  options_.host_key_policy = host_keys::strict;
  std::string entry = "[127.1.0.1]:" + std::to_string(options_.port) + " ";
  std::string other = file_bytes(server_->identity() + ".pub");
  using verdict = std::pair<std::string, failure_reason>;
  for (const auto& [text, reason] :
       {verdict("\n", failure_reason::host_key_unknown),
        verdict(entry + other, failure_reason::host_key_changed),
        verdict("@revoked * " + server_->host_key() + "\n", failure_reason::host_key_revoked)}) {
    options_.known_hosts = known_hosts(text);
    expect(run(), end_reason::host_key_rejected, phase::kex, reason);
  }
  options_.known_hosts = known_hosts(entry + server_->host_key() + "\n");
  expect(run(), end_reason::exited, phase::run);
}

TEST_P(fault, a_host_key_that_is_not_checked_is_said_in_the_log) {
  start();
  std::vector<std::string> said;
  set_log(log_level::warning, [&](const log_record& r) { said.emplace_back(r.message); });
  options_.host_key_policy = host_keys::ignore;
  expect(run(), end_reason::exited, phase::run);
  set_log(log_level::off, {});
  ASSERT_EQ(said.size(), 1U);
  EXPECT_THAT(said[0], HasSubstr("127.1.0.1"));
  EXPECT_THAT(said[0], HasSubstr(": the host key is not checked"));
}

TEST_P(fault, a_proxy_command_leads_to_the_host) {
  start();
  if (::access("/bin/bash", X_OK) != 0) GTEST_SKIP() << "no bash on this machine";
  options_.proxy_command = "bash -c 'exec 3<>/dev/tcp/127.1.0.1/%p; cat <&3 & exec cat >&3'";
  host_result r = run("echo here", "no-such-host.invalid");
  expect(r, end_reason::exited, phase::run);
  EXPECT_EQ(r.out, "here\n");
}

TEST_P(fault, a_new_host_key_is_recorded_once) {
  start();
  options_.host_key_policy = host_keys::accept_new;
  options_.known_hosts = server_->directory() + "/new_known";
  for (int i = 0; i < 2; ++i) expect(run(), end_reason::exited, phase::run);
  std::string text = file_bytes(options_.known_hosts);
  EXPECT_THAT(text, HasSubstr("[127.1.0.1]:" + std::to_string(options_.port) + " " +
                              server_->host_key() + "\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

TEST_P(fault, a_refused_key_is_auth_failed) {
  start();
  options_.identities = {server_->directory() + "/host_key"};
  host_result r = run();
  expect(r, end_reason::auth_failed, phase::auth, failure_reason::wrong_key);
  EXPECT_EQ(r.error(), std::errc::permission_denied);
  EXPECT_THAT(r.error_context(), HasSubstr(server_->user() + "@127.1.0.1: "));
}

TEST_P(fault, a_server_that_disconnects_during_authentication_is_auth_failed_with_its_words) {
  start("MaxAuthTries 1\n");
  options_.identities = {server_->directory() + "/host_key"};
  host_result r = run();
  expect(r, end_reason::auth_failed, phase::auth, failure_reason::wrong_key);
  EXPECT_THAT(r.error_context(), HasSubstr("Too many authentication failures"));
}

TEST_P(fault, no_algorithm_in_common_fails_at_kex) {
  start("KexAlgorithms diffie-hellman-group18-sha512\n");
  options_.key_exchange = {"curve25519-sha256"};
  host_result r = run();
  expect(r, end_reason::connect_failed, phase::kex, failure_reason::no_common_algorithm);
  EXPECT_EQ(r.error(), std::errc::protocol_not_supported);
  EXPECT_THAT(r.error_context(), HasSubstr("diffie-hellman-group18-sha512"));
}

TEST_P(fault, a_server_that_opens_no_channel_is_connect_failed_at_open) {
  start("MaxSessions 0\n");
  expect(run(), end_reason::connect_failed, phase::open);
}

TEST_P(fault, a_banner_of_the_server_is_not_the_commands) {
  start("Banner " + std::string("/etc/passwd") + "\n");
  host_result r = run("echo err >&2");
  EXPECT_EQ(r.err, "err\n");
}

TEST_P(fault, a_connection_lost_while_the_command_runs_is_connection_lost_with_what_came) {
  start();
  host_result r = run("echo out; echo err >&2; sleep 0.1; kill -9 $PPID; exec sleep 60");
  expect(r, end_reason::connection_lost, phase::run);
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
  EXPECT_EQ(r.leftover(), leftover_cause::connection_lost);
  for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
}

TEST_P(fault, a_frozen_server_is_timed_out_in_its_phase) {
  start();
  ASSERT_EQ(::kill(server_->pid(), SIGSTOP), 0);
  options_.limits.establish = 500ms;
  host_result r = run();
  EXPECT_EQ(::kill(server_->pid(), SIGCONT), 0);
  expect(r, end_reason::timed_out, phase::kex, failure_reason::no_banner);
}

// A connection that says nothing takes the only place for one that has not logged in.
TEST_P(fault, a_server_that_takes_no_more_connections_says_so) {
  start("MaxStartups 1:100:1\n");
  options_.max_retries = 0;
  // The server may still count the connection that has shown that it answers.
  auto silent = std::make_unique<silent_client>("127.1.0.1", server_->port());
  while (silent->first_bytes(4) != "SSH-")
    silent = std::make_unique<silent_client>("127.1.0.1", server_->port());
  host_result r = run();
  expect(r, end_reason::connect_failed, phase::kex, failure_reason::max_startups);
  EXPECT_THAT(r.error_context(), HasSubstr("MaxStartups"));
}

TEST_P(fault, a_host_that_answers_no_attempt_to_connect_is_dropped) {
  start();
  silent_address silent("127.9.8.7");
  options_.port = silent.port();
  options_.limits.establish = 300ms;
  expect(run("true", "127.9.8.7"), end_reason::timed_out, phase::connect, failure_reason::dropped);
}

// What a server does with a signal depends on who logs in, and the shell is not all of a command.
TEST_P(fault, a_timeout_leaves_nothing_of_a_tree_of_processes) {
  start();
  for (const std::string& user : server_->login_users()) {
    for (bool terminal : {false, true}) {
      remote action =
          remote("sh -c 'trap \"\" TERM HUP; sleep 1000; :' & sleep 1000", host("127.1.0.1"));
      options_.user = user;
      action.ssh(options_).timeout(300ms).kill_timeout(300ms);
      if (terminal) action.pty(24, 80);
      host_result r = sync_wait(action.run()).all().at(0);
      EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
      EXPECT_FALSE(r.may_still_run()) << user << terminal << r.describe();
      EXPECT_TRUE(server_->no_commands_left()) << user << terminal;
    }
  }
}

// What a command is ended by is a process of the server's as well.
TEST_P(fault, a_timeout_leaves_nothing_on_a_server_that_is_slow_to_start_processes) {
  start(R"(ForceCommand case "$SSH_ORIGINAL_COMMAND" in *execo-end*) sleep 1.6;; esac; )"
        R"(exec sh -c "$SSH_ORIGINAL_COMMAND")"
        "\n");
  remote action("trap '' TERM HUP; while :; do sleep 0.1; done", host("127.1.0.1"));
  action.ssh(options_).timeout(300ms).kill_timeout(300ms);
  host_result r = sync_wait(action.run()).all().at(0);
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(fault, a_kill_of_the_caller_ends_the_command_as_signaled) {
  start();
  remote action = remote("echo ready; exec sleep 1000", host("127.1.0.1")).ssh(options_);
  action.on_line([&](const output_line&) { action.kill(SIGTERM); });
  host_result r = sync_wait(action.run()).all().at(0);
  EXPECT_EQ(r.how(), end_reason::signaled) << r.describe();
  EXPECT_TRUE(r.killed());
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(fault, without_room_for_a_second_channel_the_result_says_so) {
  start("MaxSessions 1\n");
  action_result all =
      sync_wait(remote("trap '' TERM HUP PIPE; while :; do sleep 0.1; done", host("127.1.0.1"))
                    .ssh(options_)
                    .timeout(300ms)
                    .kill_timeout(300ms));
  EXPECT_EQ(all.all()[0].how(), end_reason::timed_out);
  if (server_->user() == "root") {
    EXPECT_EQ(all.all()[0].leftover(), leftover_cause::no_second_channel)
        << all.all()[0].describe();
  }
  for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_P(fault, a_name_that_would_be_an_option_starts_nothing) {
  start();
  if (GetParam() == way::libssh) GTEST_SKIP() << "no program is given it";
  std::string file = server_->directory() + "/made-by-an-option";
  host_result r = run("true", "-oProxyCommand=touch${IFS}" + file);
  expect(r, end_reason::unsupported, phase::resolve);
  EXPECT_FALSE(std::filesystem::exists(file));
}

// The words come when ssh has ended: those of a busy machine do, too.
TEST_P(fault, none_is_what_the_command_says_though_it_is_read_after_its_end) {
  if (GetParam() == way::libssh) GTEST_SKIP() << "of the program ssh alone";
  start();
  const std::string folder = server_->directory() + "/late";
  ASSERT_EQ(::mkdir(folder.c_str(), 0700), 0);
  const std::string program = folder + "/ssh";
  const std::string search = ::getenv("PATH");
  std::ofstream(program) << "#!/bin/sh\nPATH='" << search << "'\ncd '" << folder << "'\n"
                         << "rm -f words; mkfifo words\n"
                         << "{ cat words >said; sleep 0.1; cat said >&2; } >/dev/null &\n"
                         << "exec ssh \"$@\" 2>words\n";
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  ::setenv("PATH", (folder + ":" + search).c_str(), 1);
  const std::string words = "Connection to 127.1.0.1 closed by remote host.\r\n";
  host_result r =
      run("printf 'Connection to 127.1.0.1 closed by remote host.\\r\\n' >&2; exit 255");
  ::setenv("PATH", search.c_str(), 1);
  EXPECT_EQ(r.status(), exit_status::of_code(255)) << r.describe();
  EXPECT_EQ(r.err, words);
  EXPECT_TRUE(r.output_complete());
}

INSTANTIATE_TEST_SUITE_P(each, fault, testing::Values(way::libssh, way::openssh),
                         [](const auto& which) { return name_of(which.param); });

// -- ssh where libssh cannot
// ------------------------------------------------------------------------

class automatic : public testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
  }
  void start(const std::string& more) {
    server_ = std::make_unique<sshd_fixture>(more);
    options_ = options_for(*server_);
  }
  action_result run(const std::string& hosts, const std::string& text = "echo $0 >&2; cat") {
    return sync_wait(remote(text, host_set(hosts))
                         .input("in")
                         .ssh(options_)
                         .on_notice([this](std::string_view n) { notices_.emplace_back(n); }));
  }

  std::unique_ptr<sshd_fixture> server_;
  ssh_options options_;
  std::vector<std::string> notices_;
};

constexpr const char* only_for_ssh = "KexAlgorithms sntrup761x25519-sha512@openssh.com\n";

TEST_F(automatic, takes_ssh_where_there_is_no_algorithm_in_common_and_says_so_once) {
  start(only_for_ssh);
  action_result all = run("127.1.0.[1-3]");
  for (const host_result& r : all.all()) {
    EXPECT_EQ(r.status(), exit_status::of_code(0)) << r.describe();
    EXPECT_EQ(r.out, "in");
    EXPECT_EQ(r.transport(), transport_kind::openssh);
    EXPECT_THAT(r.transport_why(),
                HasSubstr(r.host.name() + ": key exchange: no common kex algos"));
    EXPECT_EQ(r.error_context(), "");
  }
  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_THAT(notices_[0], HasSubstr(": openssh is used, since 127.1.0."));
}

TEST_F(automatic, takes_ssh_for_a_host_that_only_a_certificate_authority_vouches_for) {
  std::string folder = testing::TempDir() + "execo-authority-" + std::to_string(::getpid());
  std::filesystem::create_directories(folder);
  ASSERT_EQ(::system(("cd " + folder +
                      " && ssh-keygen -q -t ed25519 -N '' -C '' -f authority &&"
                      " ssh-keygen -q -t ed25519 -N '' -C '' -f key &&"
                      " ssh-keygen -q -s authority -I host -h -n 127.1.0.1 key.pub")
                         .c_str()),
            0);
  start("HostKey " + folder + "/key\nHostCertificate " + folder + "/key-cert.pub\n");
  std::ifstream authority(folder + "/authority.pub");
  std::string line;
  std::getline(authority, line);
  options_.host_key_policy = host_keys::strict;
  options_.known_hosts = folder + "/known";
  std::ofstream(options_.known_hosts) << "@cert-authority *,[127.*]:* " << line << "\n";
  action_result all = run("127.1.0.1");
  std::filesystem::remove_all(folder);
  const host_result& r = all.all()[0];
  EXPECT_EQ(r.status(), exit_status::of_code(0)) << r.describe();
  EXPECT_EQ(r.transport(), transport_kind::openssh);
  EXPECT_THAT(r.transport_why(), HasSubstr("is known by a certificate authority alone"));
}

TEST_F(automatic, takes_libssh_where_that_can) {
  start("");
  action_result all = run("127.1.0.1");
  EXPECT_EQ(all.all()[0].transport(), transport_kind::ssh);
  EXPECT_EQ(all.all()[0].transport_why(), "");
  EXPECT_TRUE(notices_.empty());
}

TEST_F(automatic, leaves_other_failures_as_they_are) {
  start("");
  options_.identities = {server_->directory() + "/host_key"};
  action_result all = run("127.1.0.1");
  EXPECT_EQ(all.all()[0].how(), end_reason::auth_failed);
  EXPECT_EQ(all.all()[0].transport(), transport_kind::ssh);
  EXPECT_TRUE(notices_.empty());
}

TEST_F(automatic, is_one_choice_of_three) {
  start(only_for_ssh);
  options_.via = ssh_client::built_in;
  action_result all = run("127.1.0.1");
  EXPECT_EQ(all.all()[0].how(), end_reason::connect_failed);
  EXPECT_EQ(all.all()[0].phase(), phase::kex);
  options_.via = ssh_client::openssh;
  options_.unix_socket = "/run/way-to-%h";
  EXPECT_THROW((void)run("127.1.0.1"), std::invalid_argument);
}

TEST_F(automatic, has_one_deadline_for_both) {
  start(only_for_ssh);
  ASSERT_EQ(::kill(server_->pid(), SIGSTOP), 0);
  options_.limits.establish = 300ms;
  action_result all = run("127.1.0.1");
  EXPECT_EQ(::kill(server_->pid(), SIGCONT), 0);
  EXPECT_EQ(all.all()[0].how(), end_reason::timed_out);
  EXPECT_EQ(all.all()[0].phase(), phase::kex);
}

}  // namespace
}  // namespace execo::test
