// Hosts that are reached through others.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <deque>
#include <execo/execo.hpp>
#include <filesystem>
#include <fstream>

#include "child_processes.hpp"
#include "fleet_fixture.hpp"
#include "held_clock.hpp"
#include "program.hpp"
#include "recorded_run.hpp"
#include "sanitizers.hpp"
#include "slow_proxy.hpp"
#include "ssh/session_pool.hpp"

namespace execo::test {
namespace {

class jump : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  }
  void start(const std::string& more = {}) {
    server = std::make_unique<sshd_fixture>(more);
    options = options_for(*server);
  }
  std::string hop(const std::string& address, const sshd_fixture* other = nullptr) const {
    return server->user() + "@" + address + ":" +
           std::to_string((other != nullptr ? other : server.get())->port());
  }
  recorded_run& prepare(const std::string& where, const std::string& text = "echo $((6*7))") {
    shared = detail::make_ssh_environment(loop, options);
    return runs.emplace_back(loop, shared, where, text);
  }
  recorded_run& run(const std::string& where, const std::string& text = "echo $((6*7))") {
    return prepare(where, text).run();
  }

  std::unique_ptr<sshd_fixture> server;
  ssh_options options;
  driven_loop loop;
  std::shared_ptr<detail::ssh_environment> shared;
  std::deque<recorded_run> runs;
};

TEST_F(jump, leads_to_the_host_through_one_hop) {
  start();
  options.jump = {hop("127.8.0.1")};
  recorded_run& one = run("127.8.1.1", "echo $SSH_CONNECTION");
  EXPECT_TRUE(one.exited) << one.context;
  EXPECT_NE(one.out.find("127.8.1.1"), std::string::npos) << one.out;
  EXPECT_EQ(one.phases,
            (std::vector{phase::connect, phase::kex, phase::auth, phase::open, phase::run}));
  EXPECT_EQ(logins(*server), 2U);
}

TEST_F(jump, leads_through_three_hops_and_uses_the_connection_again) {
  start();
  options.jump = {"ssh://" + hop("127.8.0.1"), hop("127.8.0.2"), hop("127.8.0.3")};
  EXPECT_EQ(run("127.8.1.1").out, "42\n") << runs.back().context;
  EXPECT_EQ(run("127.8.1.1").report.connection, connection_use::reused);
  EXPECT_EQ(run("127.8.1.2").report.connection, connection_use::made);
  EXPECT_EQ(logins(*server), 5U);
}

TEST_F(jump, shares_three_connections_among_all_hosts_behind_three_hops) {
  // Which counts commands, not the connections that are made for us.
  start("MaxSessions 1\n");
  options.jump = {hop("127.8.0.1"), hop("127.8.0.2"), hop("127.8.0.3")};
  const unsigned count = address_sanitizer || thread_sanitizer ? 100 : 300;
  shared = detail::make_ssh_environment(loop, options);
  for (unsigned i = 0; i < count; ++i)
    runs.emplace_back(loop, shared,
                      "127.8." + std::to_string(2 + i / 150) + "." + std::to_string(1 + i % 150),
                      "echo 42");
  for (recorded_run& r : runs) r.open();
  for (recorded_run& r : runs) {
    r.run();
    EXPECT_EQ(r.out, "42\n") << r.context;
  }
  EXPECT_EQ(logins(*server), 3U + count);
}

TEST_F(jump, carries_much_in_both_directions) {
  start();
  options.jump = {hop("127.8.0.1"), hop("127.8.0.2")};
  recorded_run& copy = prepare("127.8.1.1", "cat");
  copy.what.input = std::string(20'000'000, 'x');
  copy.what.has_input = true;
  copy.run();
  EXPECT_EQ(copy.out.size(), 20'000'000U) << copy.context;
}

TEST_F(jump, holds_back_a_host_whose_output_is_not_taken_and_no_other) {
  start();
  options.jump = {hop("127.8.0.1")};
  recorded_run& slow = prepare("127.8.1.1", "head -c 30000000 /dev/zero");
  slow.open();
  ASSERT_TRUE(loop.until([&slow] { return slow.failed || !slow.out.empty(); }));
  slow.pause(stream::out, true);
  loop.idle(std::chrono::milliseconds(200));
  std::size_t taken = slow.out.size();
  EXPECT_EQ(run("127.8.1.2", "head -c 5000000 /dev/zero").out.size(), 5'000'000U);
  EXPECT_EQ(slow.out.size(), taken);
  EXPECT_LT(shared->held_back, 4'000'000U);
  slow.pause(stream::out, false);
  EXPECT_EQ(slow.run().out.size(), 30'000'000U) << slow.context;
}

/// The processes that serve its connections.
std::vector<pid_t> sessions_of(const sshd_fixture& server) { return child_processes(server.pid()); }

TEST_F(jump, that_is_lost_ends_its_hosts_and_names_the_hop) {
  start();
  sshd_fixture second;
  // The same key opens all.
  options.identities.push_back(second.identity());
  options.jump = {hop("127.8.0.1"), hop("127.8.0.2", &second), hop("127.8.0.3")};
  for (int i = 1; i <= 5; ++i)
    prepare("127.8.1." + std::to_string(i), "echo begun; sleep 3").open();
  for (recorded_run& r : runs)
    ASSERT_TRUE(loop.until([&r] { return r.failed || r.out == "begun\n"; })) << r.context;
  for (pid_t pid : sessions_of(second)) (void)::kill(pid, SIGKILL);
  auto killed = std::chrono::steady_clock::now();
  for (recorded_run& r : runs) {
    r.run();
    EXPECT_EQ(r.how, end_reason::connection_lost);
    EXPECT_EQ(r.context.find("127.8.0.2 (hop 2 of 3): the "), 0U) << r.context;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::seconds(2));
}

TEST_F(jump, that_was_lost_is_made_again_for_the_next_command) {
  start();
  options.jump = {hop("127.8.0.1")};
  EXPECT_EQ(run("127.8.1.1").out, "42\n");
  for (pid_t pid : sessions_of(*server)) (void)::kill(pid, SIGKILL);
  EXPECT_EQ(run("127.8.1.1").out, "42\n") << runs.back().context;
  EXPECT_EQ(logins(*server), 4U);
}

TEST_F(jump, whose_server_forwards_nothing_fails_with_its_reason) {
  start("AllowTcpForwarding no\n");
  options.jump = {hop("127.8.0.1")};
  recorded_run& one = run("127.8.1.1");
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_EQ(one.last_phase(), phase::connect);
  EXPECT_EQ(one.context,
            "127.8.0.1 (hop 1 of 1): no connection to 127.8.1.1:" + std::to_string(server->port()) +
                ": administratively prohibited: open failed");
}

TEST_F(jump, says_for_each_of_many_hosts_why_it_cannot_be_reached) {
  start();
  options.jump = {hop("127.8.0.1")};
  shared = detail::make_ssh_environment(loop, options);
  // Nothing listens there.
  for (int i = 1; i <= 60; ++i)
    runs.emplace_back(
        loop, shared,
        "127.8.1." + std::to_string(i) + (i % 2 == 0 ? ":1" : ":" + std::to_string(server->port())),
        "echo 42");
  for (recorded_run& r : runs) r.open();
  int i = 0;
  for (recorded_run& r : runs) {
    r.run();
    if (++i % 2 != 0) {
      EXPECT_EQ(r.out, "42\n") << r.context;
      continue;
    }
    EXPECT_EQ(r.how, end_reason::connect_failed);
    EXPECT_EQ(r.context.find("127.8.0.1 (hop 1 of 1): no connection to 127.8.1." +
                             std::to_string(i) + ":1: "),
              0U)
        << r.context;
    EXPECT_TRUE(r.context.ends_with("connect failed: Connection refused")) << r.context;
  }
}

TEST_F(jump, that_refuses_the_identities_is_named_with_its_place) {
  start();
  sshd_fixture other;
  options.jump = {hop("127.8.0.1"), hop("127.8.0.2", &other)};
  recorded_run& one = run("127.8.1.1");
  EXPECT_EQ(one.how, end_reason::auth_failed);
  EXPECT_EQ(one.last_phase(), phase::connect);
  EXPECT_EQ(one.context.find("127.8.0.2 (hop 2 of 2): the server refused the identities "), 0U)
      << one.context;
  options.jump = {hop("127.8.0.1", &other), hop("127.8.0.2")};
  EXPECT_EQ(run("127.8.1.1").context.find("127.8.0.1 (hop 1 of 2): the server refused"), 0U)
      << runs.back().context;
}

TEST_F(jump, with_an_unknown_or_another_key_is_rejected_by_name) {
  start();
  options.host_key_policy = host_keys::strict;
  options.known_hosts = server->directory() + "/known";
  std::string port = std::to_string(server->port());
  std::ofstream(options.known_hosts) << "[127.8.1.1]:" << port << " " << server->host_key() << "\n";
  options.jump = {hop("127.8.0.1")};
  recorded_run& one = run("127.8.1.1");
  EXPECT_EQ(one.how, end_reason::host_key_rejected);
  EXPECT_EQ(one.last_phase(), phase::connect);
  EXPECT_EQ(one.context.find("127.8.0.1 (hop 1 of 1): "), 0U) << one.context;
  std::ofstream(options.known_hosts, std::ios::app)
      << "[127.8.0.1]:" << port << " " << server->host_key() << "\n";
  EXPECT_EQ(run("127.8.1.1").out, "42\n") << runs.back().context;
  // The host behind it is checked as itself.
  recorded_run& behind = run("127.8.1.2");
  EXPECT_EQ(behind.how, end_reason::host_key_rejected);
  EXPECT_EQ(behind.context.find("hop"), std::string::npos) << behind.context;
}

TEST_F(jump, that_cannot_be_reached_is_named) {
  start();
  options.jump = {server->user() + "@127.8.0.1:1"};
  recorded_run& one = run("127.8.1.1");
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_EQ(one.context, "127.8.0.1 (hop 1 of 1): connect 127.8.0.1:1");
  EXPECT_EQ(one.why, std::errc::connection_refused);
}

TEST_F(jump, that_needs_itself_fails_in_words) {
  start();
  options.jump = {hop("127.8.0.1"), hop("127.8.0.2"), hop("127.8.0.1")};
  EXPECT_EQ(run("127.8.1.1").context,
            "127.8.1.1: the jump hosts lead in a circle: 127.8.0.1 -> 127.8.0.2 -> 127.8.0.1 -> "
            "127.8.1.1");
  options.jump = {hop("127.8.0.1")};
  EXPECT_EQ(run("127.8.0.1").context,
            "127.8.0.1: the jump hosts lead in a circle: 127.8.0.1 -> 127.8.0.1");
  EXPECT_EQ(logins(*server), 0U);
}

TEST_F(jump, that_cannot_be_read_is_refused_at_once) {
  start();
  for (const char* text : {"", "@x", "a b", "x:0", "x:y", "-x"}) {
    options.jump = {text};
    EXPECT_THROW((void)detail::make_ssh_environment(loop, options), std::invalid_argument) << text;
  }
  options.jump = {"bastion"};
  options.proxy_command = "nc %h %p";
  EXPECT_THROW((void)detail::make_ssh_environment(loop, options), std::invalid_argument);
}

TEST_F(jump, that_stalls_has_a_deadline_of_its_own) {
  start();
  way stalled;
  stalled.hold_after = 100;
  stalled.loses = true;
  slow_proxy proxy(server->port(), stalled);
  options.limits.establish = std::chrono::milliseconds(500);
  options.jump = {server->user() + "@127.8.0.1:" + std::to_string(proxy.port())};
  recorded_run& one = run("127.8.1.1");
  EXPECT_EQ(one.how, end_reason::timed_out);
  EXPECT_EQ(one.last_phase(), phase::connect);
  EXPECT_EQ(one.context, "127.8.0.1 (hop 1 of 1): its deadline has passed in the phase kex");
}

TEST_F(jump, leaves_nothing_whenever_its_host_is_given_up) {
  start();
  options.jump = {hop("127.8.0.1"), hop("127.8.0.2")};
  for (int turns : {0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89}) {
    recorded_run& one = prepare("127.8.1.1", "echo 42");
    one.open();
    for (int i = 0; i < turns; ++i) loop.get().turn(2'000'000);
    one.close();
    one.run();
    runs.clear();
    shared.reset();
    detail::join_members(loop);
  }
}

TEST_F(jump, is_not_sealed_by_the_signal_for_a_host_behind_it) {
  start();
  options.jump = {hop("127.8.0.1")};
  recorded_run& one = prepare("127.8.1.1", "echo begun; exec sleep 600");
  one.open();
  ASSERT_TRUE(loop.until([&one] { return one.failed || one.out == "begun\n"; })) << one.context;
  one.signal(SIGKILL);
  one.run();
  EXPECT_EQ(run("127.8.1.2").out, "42\n");
  EXPECT_EQ(logins(*server), 3U);
  EXPECT_TRUE(server->no_commands_left());
}

TEST(jump_of_an_action, whose_hop_has_no_address_is_named) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  execo::ssh_options how;
  how.jump = execo::jump_hosts("me@bastion,inner:2222");
  EXPECT_EQ(how.jump, (std::vector<std::string>{"me@bastion", "inner:2222"}));
  how.jump[0] = "me@bastion.invalid";
  how.identities.push_back(server.identity());
  auto one = remote("true", host_set("node1")).ssh(how);
  action_result all = sync_wait(one.run());
  EXPECT_EQ(all.all()[0].how(), end_reason::connect_failed);
  EXPECT_EQ(all.all()[0].phase(), phase::connect);
  EXPECT_EQ(all.all()[0].error_context().find("bastion.invalid (hop 1 of 2): resolve "), 0U)
      << all.all()[0].error_context();
}

TEST(jump_hosts, reads_the_list_of_ssh) {
  EXPECT_TRUE(jump_hosts("none").empty());
  EXPECT_EQ(jump_hosts("a"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(jump_hosts("u@a:22,ssh://b:1,[::1]:2"),
            (std::vector<std::string>{"u@a:22", "ssh://b:1", "[::1]:2"}));
  for (const char* bad : {"", ",", "a,", ",a", "a,,b", "-x", "a b", "a:0", "@a"})
    EXPECT_THROW((void)jump_hosts(bad), std::invalid_argument) << bad;
}

TEST(jump_of_an_action, that_stalls_is_named_when_its_host_times_out) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  way stalled;
  stalled.hold_after = 100;
  stalled.loses = true;
  slow_proxy proxy(server.port(), stalled);
  ssh_options how = options_for(server);
  how.limits.connect = std::chrono::milliseconds(300);
  how.jump = {server.user() + "@127.8.0.1:" + std::to_string(proxy.port())};
  auto one = remote("true", host_set("127.8.1.1")).ssh(how);
  action_result all = sync_wait(one.run());
  EXPECT_EQ(all.all()[0].how(), end_reason::timed_out);
  EXPECT_EQ(all.all()[0].phase(), phase::connect);
  EXPECT_EQ(all.all()[0].error_context(), "127.8.1.1: waits for 127.8.0.1 (hop 1 of 1)");
}

TEST(jump_of_an_action, leads_to_all_hosts_without_connections_that_are_kept) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  ssh_options how = options_for(server);
  how.jump = {server.user() + "@127.8.0.1:" + std::to_string(server.port())};
  how.reuse = false;
  auto all = remote("echo 42", host_set("127.8.3.[1-40]")).fanout(4).ssh(how);
  action_result end = sync_wait(all.run());
  EXPECT_TRUE(end.ok()) << end.all()[0].describe();
  EXPECT_EQ(logins(server), 41U);
}

// sshd waits for it before each small packet of a connection that has no command.
TEST(jump_hosts, get_acknowledgements_at_once) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  if (run_program({"sh", "-c", "strace -D -f --seccomp-bpf -o /dev/null true"}).code != 0)
    GTEST_SKIP() << "no strace, or it may not trace";
  sshd_fixture server;
  scratch_directory folder;
  std::string calls = folder.path() + "/calls";
  auto acknowledgements = [&](const std::vector<std::string>& way) {
    std::vector<std::string> words{"strace",      "-D",
                                   "-f",          "--seccomp-bpf",
                                   "-e",          "trace=setsockopt",
                                   "-o",          calls,
                                   EXECO_TOOL,    "run",
                                   "-F",          "none",
                                   "--host-keys", "ignore",
                                   "-i",          server.identity(),
                                   "-l",          server.user(),
                                   "-p",          std::to_string(server.port()),
                                   "-w",          "127.8.1.1"};
    words.insert(words.end(), way.begin(), way.end());
    words.insert(words.end(), {"--", "echo here"});
    EXPECT_EQ(run_program(words).out, "127.8.1.1: here\n");
    std::size_t count = 0;
    std::ifstream lines(calls);
    for (std::string line; std::getline(lines, line);)
      if (line.find("TCP_QUICKACK, [1]") != line.npos) ++count;
    return count;
  };
  EXPECT_EQ(acknowledgements({}), 0U);
  std::string hop = server.user() + "@127.8.0.1:" + std::to_string(server.port());
  // One for each packet that comes for the host, at least: version, keys, login, end.
  EXPECT_GT(acknowledgements({"-J", hop}), 5U);
}

// The program ssh leads through hops by further ones, which the caller's shell begins.
class jump_by_openssh : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server = std::make_unique<sshd_fixture>();
    identity = folder.path() + "/o'dd \\ %h \"name\"";
    std::filesystem::copy_file(server->identity(), identity);
  }
  std::string hop(const std::string& address, const std::string& user, int port) const {
    return user + "@" + address + ":" + std::to_string(port);
  }
  std::string hop(const std::string& address) const {
    return hop(address, server->user(), server->port());
  }
  outcome run(const std::string& hops, const std::string& shell = "/bin/sh") const {
    return run_program({"env",         "SHELL=" + shell,
                        EXECO_TOOL,    "run",
                        "-F",          "none",
                        "-p",          std::to_string(server->port()),
                        "-l",          server->user(),
                        "-i",          identity,
                        "--host-keys", "ignore",
                        "--via",       "openssh",
                        "-J",          hops,
                        "-w",          "127.8.1.[1-2]",
                        "--",          "echo $SSH_CONNECTION"});
  }

  scratch_directory folder;
  std::unique_ptr<sshd_fixture> server;
  std::string identity;
};

TEST_F(jump_by_openssh, leads_through_three_hops_whatever_the_shell_of_the_caller) {
  std::string hops = hop("127.8.0.1") + "," + hop("127.8.0.2") + "," + hop("127.8.0.3");
  for (const char* shell :
       {"/bin/sh", "/bin/bash", "/bin/csh", "/bin/tcsh", "/usr/bin/fish", "/bin/zsh", "/bin/ksh"}) {
    if (::access(shell, X_OK) != 0) continue;
    std::size_t before = logins(*server);
    outcome o = run(hops, shell);
    EXPECT_EQ(o.code, 0) << shell << o.err;
    EXPECT_NE(o.out.find("127.8.1.2: 127.0.0.1 "), o.out.npos) << shell << o.out;
    EXPECT_EQ(logins(*server) - before, 8U) << shell;
    EXPECT_TRUE(server->no_commands_left());
  }
}

TEST_F(jump_by_openssh, says_what_went_wrong_on_the_way) {
  sshd_fixture other;
  auto says = [&](const std::string& hops, end_reason how, const std::string& text) {
    ssh_options options = options_for(*server);
    options.via = ssh_client::openssh;
    options.jump = jump_hosts(hops);
    action_result all = sync_wait(remote("true", host("127.8.1.1")).ssh(options));
    const host_result& r = all.all()[0];
    EXPECT_EQ(r.how(), how) << r.describe();
    EXPECT_EQ(r.phase(), phase::connect) << r.describe();
    std::string begin = "127.8.1.1: no connection from the host before it: " + text;
    EXPECT_EQ(r.error_context().find(begin), 0U) << r.describe();
  };
  says(hop("127.8.0.1", server->user(), 1), end_reason::connect_failed,
       "ssh: connect to host 127.8.0.1 port 1: Connection refused");
  says(hop("127.8.0.1") + "," + hop("127.8.0.2", server->user(), 1), end_reason::connect_failed,
       "connect failed: Connection refused");
  says(hop("127.8.0.1", other.user(), other.port()), end_reason::auth_failed,
       other.user() + "@127.8.0.1: Permission denied (publickey).");
  says(hop("no-such-host.invalid"), end_reason::connect_failed,
       "ssh: Could not resolve hostname no-such-host.invalid: ");
}

// Of which nothing can be heard.
TEST_F(jump, does_not_take_a_host_for_lost_while_the_hop_before_it_is_not_read) {
  held_clock time(loop);
  start();
  options.jump = {hop("127.8.0.1")};
  options.keepalive = std::chrono::seconds(1);
  options.idle_close = duration(0);
  recorded_run& silent = prepare("127.8.1.1", "echo up; exec sleep 600");
  recorded_run& stalled = runs.emplace_back(loop, shared, "127.8.1.2", "echo up; cat /dev/zero");
  silent.open();
  stalled.open();
  for (recorded_run& r : runs)
    ASSERT_TRUE(loop.until([&r] { return r.failed || !r.out.empty(); })) << r.context;
  // As if others had kept so much.
  constexpr std::size_t much = 65U * 1024 * 1024;
  std::size_t& held_back = shared->last_hop().shared->held_back;
  held_back += much;
  stalled.pause(stream::out, true);
  ASSERT_TRUE(loop.until([&] { return held_back >= much + 64U * 1024; }));
  for (int i = 0; i < 100; ++i) time.pass(std::chrono::seconds(1));
  for (recorded_run& r : runs) EXPECT_FALSE(r.failed) << r.context;
  held_back -= much;
  for (recorded_run& r : runs) {
    r.signal(SIGKILL);
    r.close();
  }
  for (recorded_run& r : runs) {
    ASSERT_TRUE(loop.until([&] {
      time.pass(std::chrono::milliseconds(10));
      return r.closed;
    }));
  }
  EXPECT_TRUE(server->no_commands_left());
  // No timer outlives the clock.
  detail::join_members(loop);
}

}  // namespace
}  // namespace execo::test
