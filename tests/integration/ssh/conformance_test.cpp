// The same commands over each transport: they begin, talk, are signalled and end alike. Where one
// cannot, the table of gaps says why.
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

#include "execo/remote.hpp"
#include "execo/stdio.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "long_count.hpp"
#include "random_bytes.hpp"
#include "recorded_run.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

enum class way : std::uint8_t { libssh, openssh, one_word, argv };

std::string name_of(way which) {
  switch (which) {
    case way::libssh:
      return "libssh";
    case way::openssh:
      return "openssh";
    case way::one_word:
      return "connector_sh";
    default:
      return "connector_argv";
  }
}

struct gap {
  way where;
  std::string_view point;
  std::string_view reason;
};

// What a transport cannot do, and why.
constexpr gap gaps[] = {
    {way::openssh, "name of a signal", "ssh logs that a signal ended a command, not which"},
    {way::openssh, "size of a terminal", "ssh takes it from its own terminal, and has none"},
    {way::one_word, "phases before run", "a connector says nothing about its way to the host"},
    {way::argv, "phases before run", "a connector says nothing about its way to the host"},
    {way::one_word, "a login", "there is none"},
    {way::argv, "a login", "there is none"},
};

class conformance : public testing::TestWithParam<way> {
 protected:
  void SetUp() override {
    if (is_ssh()) {
      if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
      server_ = std::make_unique<sshd_fixture>();
      options_ = options_for(*server_);
      options_.via = GetParam() == way::openssh ? ssh_client::openssh : ssh_client::built_in;
    } else {
      options_.connector = GetParam() == way::argv ? "argv:unshare -r" : "sh -c";
      if (GetParam() == way::argv && !sync_wait(on_host("true")).ok())
        GTEST_SKIP() << "no user namespaces on this machine";
    }
  }

  bool is_ssh() const { return GetParam() == way::libssh || GetParam() == way::openssh; }

  /// False: this transport cannot, and the output says why.
  bool can(std::string_view point) const {
    for (const gap& g : gaps) {
      if (g.where != GetParam() || g.point != point) continue;
      std::cout << "gap: " << name_of(g.where) << ": " << g.point << ": " << g.reason << "\n";
      return false;
    }
    return true;
  }

  remote on_host(command what) const {
    return remote(std::move(what), host("127.1.0.1")).ssh(options_);
  }
  remote on_host(const std::string& text) const { return on_host(command(text)); }

  static host_result result_of(remote action) {
    action_result all = sync_wait(std::move(action));
    return all.all().at(0);
  }
  host_result run(const std::string& text) const { return result_of(on_host(text)); }

  std::unique_ptr<sshd_fixture> server_;
  ssh_options options_;
};

TEST_P(conformance, names_what_carried_the_command) {
  static constexpr transport_kind kinds[] = {transport_kind::ssh, transport_kind::openssh,
                                             transport_kind::connector, transport_kind::connector};
  host_result r = run("true");
  EXPECT_EQ(r.transport(), kinds[static_cast<std::size_t>(GetParam())]);
  EXPECT_EQ(r.connection(), is_ssh() ? connection_use::made : connection_use::none);
  EXPECT_EQ(r.started_command(), certainty::yes);
  EXPECT_TRUE(r.ok());
}

TEST_P(conformance, each_exit_code_arrives) {
  for (int code : {0, 1, 2, 3, 125, 126, 127, 128, 130, 200, 254, 255}) {
    host_result r = run("exit " + std::to_string(code));
    EXPECT_EQ(r.how(), end_reason::exited) << code << r.describe();
    EXPECT_EQ(r.status(), exit_status::of_code(code)) << r.describe();
    EXPECT_FALSE(r.may_still_run());
  }
}

TEST_P(conformance, a_signal_that_ends_the_command_is_signaled) {
  for (int number : {SIGTERM, SIGKILL, SIGUSR1, SIGSEGV, SIGHUP}) {
    host_result r = run("ulimit -c 0; kill -" + std::to_string(number) + " $$");
    EXPECT_EQ(r.how(), end_reason::signaled) << number << r.describe();
    EXPECT_TRUE(r.status().signal());
    if (can("name of a signal")) {
      EXPECT_EQ(r.status(), exit_status::of_signal(number)) << r.describe();
    }
  }
}

TEST_P(conformance, the_streams_are_apart_and_arrive_byte_by_byte) {
  host_result r = run("printf 'out\\0\\377'; printf 'err\\n\\001' >&2; printf more");
  EXPECT_EQ(r.out, std::string("out\0\377more", 9));
  EXPECT_EQ(r.err, "err\n\001");
  EXPECT_TRUE(r.output_complete());
  host_result none = run("exec >&- 2>&-; exit 4");
  EXPECT_EQ(none.status(), exit_status::of_code(4)) << none.describe();
  EXPECT_EQ(none.out + none.err, "");
}

TEST_P(conformance, the_last_output_before_the_end_is_there) {
  host_result r = run("head -c 200000 /dev/zero >&2; head -c 300000 /dev/zero; exit 7");
  EXPECT_EQ(r.status(), exit_status::of_code(7));
  EXPECT_EQ(r.out.size(), 300000U);
  EXPECT_EQ(r.err.size(), 200000U);
}

TEST_P(conformance, output_that_looks_like_words_of_ssh_is_the_commands) {
  std::string words = "Connection to 127.1.0.1 closed by remote host.\r\n";
  host_result r =
      run("printf 'Connection to 127.1.0.1 closed by remote host.\\r\\n' >&2; exit 255");
  EXPECT_EQ(r.status(), exit_status::of_code(255)) << r.describe();
  EXPECT_EQ(r.err, words);
}

TEST_P(conformance, without_input_the_command_reads_its_end) { EXPECT_EQ(run("wc -c").out, "0\n"); }

TEST_P(conformance, input_arrives_to_its_end) {
  for (std::size_t size : {std::size_t{1}, std::size_t{65536}, std::size_t{1'000'000}}) {
    std::string bytes = random_bytes(size).take(size);
    host_result r = result_of(on_host("cat").input(bytes));
    EXPECT_EQ(r.out == bytes, true) << size << r.describe();
  }
}

TEST_P(conformance, a_command_that_reads_no_input_ends_alike) {
  host_result r = result_of(on_host("exec <&-; exit 3").input(std::string(3'000'000, 'x')));
  EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
}

TEST_P(conformance, much_output_and_input_arrives) {
  auto size = static_cast<std::size_t>(long_count(100'000'000));
  host_result out =
      result_of(on_host("head -c " + std::to_string(size) + " /dev/zero").max_output(0));
  EXPECT_EQ(out.out_bytes(), size) << out.describe();
  host_result in = result_of(on_host("wc -c").input(std::string(size, 'x')));
  EXPECT_EQ(in.out, std::to_string(size) + "\n") << in.describe();
}

TEST_P(conformance, a_terminal_is_one) {
  host_result r = result_of(on_host("tty >/dev/null && echo err >&2; exit 5").pty(33, 111));
  EXPECT_EQ(r.out, "err\r\n") << r.describe();
  EXPECT_EQ(r.err, "");
  EXPECT_EQ(r.status(), exit_status::of_code(5));
  if (can("size of a terminal")) {
    EXPECT_EQ(result_of(on_host("stty size").pty(33, 111)).out, "33 111\r\n");
  }
}

TEST_P(conformance, variables_directory_and_mask_are_set) {
  std::string odd = "it's \"$HOME\" \\ !x\nand more";
  host_result r =
      result_of(on_host("pwd; umask; printf %s \"$ODD\"").cwd("/usr").env("ODD", odd).umask(027));
  EXPECT_EQ(r.out, "/usr\n0027\n" + odd) << r.describe() << r.err;
  host_result none = result_of(on_host("echo ran").cwd("/nonexistent"));
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.status(), exit_status::of_code(1));
}

TEST_P(conformance, what_only_a_local_command_can_have_is_unsupported) {
  host_result r = result_of(on_host("true").nice(3));
  EXPECT_EQ(r.how(), end_reason::unsupported);
  EXPECT_EQ(r.started_command(), certainty::no);
}

TEST_P(conformance, a_text_is_read_by_a_shell_and_words_are_not) {
  EXPECT_EQ(run("echo a$((1+1)) | tr a b; echo 'x  y'").out, "b2\nx  y\n");
  command words(std::vector<std::string>{"printf", "[%s]", "$HOME", "a b", "", "*", "-n", "é\xff"});
  EXPECT_EQ(result_of(on_host(words)).out, "[$HOME][a b][][*][-n][é\xff]");
}

std::vector<std::string> random_words(std::mt19937& random) {
  static const std::string pieces[] = {"a",  " ",  "'",  "\"",  "\\",  "$", "`",   "!", "*",    "?",
                                       "\n", "\t", "\r", ";",   "&",   "|", "<",   "(", "{",    "}",
                                       "~",  "#",  "-",  "%",   "^",   "[", "]",   "=", "\x80", "é",
                                       "\1", "$(", "${", "\\'", "EOF", ",", "\x7f"};
  std::vector<std::string> words(1 + random() % 5);
  for (std::string& word : words)
    for (std::size_t n = random() % 9; n > 0; --n) word += pieces[random() % std::size(pieces)];
  return words;
}

// Many vectors in one command, with a word that is in none of them between two.
TEST_P(conformance, argument_vectors_arrive_as_they_are) {
  constexpr int in_a_batch = 250;
  const int vectors = long_count(10'000);
  std::mt19937 random(20261128);
  for (int done = 0; done < vectors; done += in_a_batch) {
    std::vector<std::string> argv{"printf", "%s\\0"};
    std::string expected;
    for (int i = 0; i < in_a_batch; ++i) {
      for (std::string& word : random_words(random)) {
        expected += word + '\0';
        argv.push_back(std::move(word));
      }
      argv.emplace_back("<next>");
      expected += std::string("<next>") + '\0';
    }
    host_result r = result_of(on_host(command(argv)));
    ASSERT_EQ(r.out == expected, true) << done << r.describe() << r.err;
  }
}

TEST_P(conformance, a_timeout_ends_the_command) {
  host_result r = result_of(on_host("echo here; exec sleep 1000").timeout(300ms).kill_timeout(2s));
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.phase(), phase::run);
  EXPECT_EQ(r.out, "here\n");
  if (can("delivery of a signal")) {
    EXPECT_FALSE(r.may_still_run()) << r.describe();
    if (server_) {
      EXPECT_TRUE(server_->no_commands_left());
    }
  } else {
    EXPECT_EQ(r.leftover(), leftover_cause::no_signals);
    for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
  }
}

TEST_P(conformance, a_command_that_ignores_term_is_ended_by_kill) {
  host_result r = result_of(on_host("trap '' TERM; echo here; while :; do sleep 0.05; done")
                                .timeout(300ms)
                                .kill_timeout(200ms));
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.out, "here\n");
  if (can("delivery of a signal")) {
    EXPECT_FALSE(r.may_still_run()) << r.describe();
    EXPECT_TRUE(r.forced_kill());
    if (server_) {
      EXPECT_TRUE(server_->no_commands_left());
    }
  } else {
    EXPECT_TRUE(r.may_still_run());
    for (pid_t left : server_->commands()) (void)::kill(left, SIGKILL);
  }
}

TEST_P(conformance, a_signal_is_delivered_and_the_command_says_how_it_ended) {
  if (!can("delivery of a signal")) return;
  int kills = 0;
  remote action = on_host("trap 'echo got; exit 9' USR1; echo ready; while :; do sleep 0.05; done");
  action.on_line([&](const output_line& line) {
    if (line.text == "ready" && kills++ == 0) action.kill(SIGUSR1);
  });
  action_result all = sync_wait(action.run());
  const host_result& r = all.all().at(0);
  EXPECT_EQ(r.out, "ready\ngot\n");
  EXPECT_EQ(r.status(), exit_status::of_code(9)) << r.describe();
}

TEST_P(conformance, many_hosts_at_a_time_are_apart) {
  action_result all = sync_wait(remote("echo $$; exit 0", host_set("127.1.0.[1-8]")).ssh(options_));
  EXPECT_TRUE(all.ok()) << all.describe();
  std::set<std::string> pids;
  for (const host_result& r : all.all()) pids.insert(r.out);
  EXPECT_EQ(pids.size(), 8U);
}

INSTANTIATE_TEST_SUITE_P(each, conformance,
                         testing::Values(way::libssh, way::openssh, way::one_word, way::argv),
                         [](const auto& which) { return name_of(which.param); });

// -- what goes wrong on the way: both speakers of ssh say the same
// ----------------------------------

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
  static void expect(const host_result& r, end_reason how, phase where) {
    EXPECT_EQ(r.how(), how) << r.describe();
    EXPECT_EQ(r.phase(), where) << r.describe();
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
  expect(r, end_reason::connect_failed, phase::connect);
  EXPECT_EQ(r.error(), std::errc::connection_refused);
  EXPECT_EQ(r.error_context(), "connect 127.1.0.1:1");
}

TEST_P(fault, a_name_without_an_address_fails_at_resolve) {
  start();
  expect(run("true", "no-such-host.invalid"), end_reason::connect_failed, phase::resolve);
}

TEST_P(fault, a_host_key_that_is_unknown_changed_or_revoked_is_rejected) {
  start();
  options_.host_key_policy = host_keys::strict;
  std::string entry = "[127.1.0.1]:" + std::to_string(options_.port) + " ";
  std::ifstream other_file(server_->identity() + ".pub");
  std::string other((std::istreambuf_iterator<char>(other_file)), {});
  for (const std::string& text :
       {std::string("\n"), entry + other, "@revoked * " + server_->host_key() + "\n"}) {
    options_.known_hosts = known_hosts(text);
    expect(run(), end_reason::host_key_rejected, phase::kex);
  }
  options_.known_hosts = known_hosts(entry + server_->host_key() + "\n");
  expect(run(), end_reason::exited, phase::run);
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
  std::ifstream file(options_.known_hosts);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(text, HasSubstr("[127.1.0.1]:" + std::to_string(options_.port) + " " +
                              server_->host_key() + "\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

TEST_P(fault, a_refused_key_is_auth_failed) {
  start();
  options_.identities = {server_->directory() + "/host_key"};
  host_result r = run();
  expect(r, end_reason::auth_failed, phase::auth);
  EXPECT_EQ(r.error(), std::errc::permission_denied);
  EXPECT_THAT(r.error_context(), HasSubstr(server_->user() + "@127.1.0.1: "));
}

TEST_P(fault, a_server_that_disconnects_during_authentication_is_auth_failed_with_its_words) {
  start("MaxAuthTries 1\n");
  options_.identities = {server_->directory() + "/host_key"};
  host_result r = run();
  expect(r, end_reason::auth_failed, phase::auth);
  EXPECT_THAT(r.error_context(), HasSubstr("Too many authentication failures"));
}

TEST_P(fault, no_algorithm_in_common_fails_at_kex) {
  start("KexAlgorithms diffie-hellman-group18-sha512\n");
  options_.key_exchange = {"curve25519-sha256"};
  host_result r = run();
  expect(r, end_reason::connect_failed, phase::kex);
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
  expect(r, end_reason::timed_out, phase::kex);
}

// What a server does with a signal depends on who logs in, and the shell is not all of a command.
TEST_P(fault, a_timeout_leaves_nothing_of_a_tree_of_processes) {
  start();
  std::vector<std::string> users{server_->user()};
  if (!server_->ordinary_user().empty()) users.push_back(server_->ordinary_user());
  for (const std::string& user : users) {
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
