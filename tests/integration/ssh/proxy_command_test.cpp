// A host that is reached through a program of the user.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <execo/execo.hpp>
#include <fstream>

#include "recorded_run.hpp"

namespace execo::test {
namespace {

// All children of the proxy end with it: its shell gets the HUP with them.
constexpr const char* relay =
    "bash -c 'exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & cat >&3; kill %%1'";

class proxy_command : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server = std::make_unique<sshd_fixture>();
    options = options_for(*server);
  }
  recorded_run& prepare(const std::string& where, const std::string& text = "echo $((6*7))") {
    shared = detail::make_ssh_environment(loop, options);
    last.reset();
    return last.emplace(loop, shared, where, text);
  }
  recorded_run& run(const std::string& where, const std::string& text = "echo $((6*7))") {
    return prepare(where, text).run();
  }
  /// Without the connections that are kept.
  bool no_child_is_left() {
    last.reset();
    shared.reset();
    detail::join_members(loop);
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 ? info.si_pid == 0 : true;
  }

  std::unique_ptr<sshd_fixture> server;
  ssh_options options;
  driven_loop loop;
  std::shared_ptr<detail::ssh_environment> shared;
  std::optional<recorded_run> last;
};

TEST_F(proxy_command, leads_to_the_host_with_its_name_port_and_user) {
  std::string file = server->directory() + "/words";
  options.proxy_command = "sh -c 'echo %h %n %p %r %% >" + file + "; exec " +
                          std::string(
                              "bash -c \"exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & "
                              "cat >&3; kill %%1\"'");
  recorded_run& one = run("web.example");
  EXPECT_EQ(one.out, "42\n") << one.context;
  EXPECT_EQ(one.phases,
            (std::vector{phase::connect, phase::kex, phase::auth, phase::open, phase::run}));
  std::ifstream words(file);
  std::string line;
  std::getline(words, line);
  EXPECT_EQ(line, "web.example web.example " + std::to_string(server->port()) + " " +
                      server->user() + " %");
}

TEST_F(proxy_command, may_be_ssh_itself) {
  if (::access("/usr/bin/ssh", X_OK) != 0) GTEST_SKIP() << "no ssh";
  options.proxy_command =
      "ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
      "-o LogLevel=ERROR -i " +
      server->identity() + " -p %p -l %r -W %h:%p 127.3.0.1";
  EXPECT_EQ(run("127.3.0.2").out, "42\n") << last->context;
}

TEST_F(proxy_command, carries_much_in_both_directions_and_the_next_command) {
  options.proxy_command = relay;
  recorded_run& copy = prepare("web", "cat");
  copy.what.input = std::string(8'000'000, 'x');
  copy.what.has_input = true;
  EXPECT_EQ(copy.run().out.size(), 8'000'000U) << copy.context;
  EXPECT_EQ(copy.report.connection, connection_use::made);
  EXPECT_EQ(run("web").report.connection, connection_use::reused);
}

TEST_F(proxy_command, that_fails_says_how_and_what_it_said) {
  options.proxy_command = "sh -c 'echo no way to %h >&2; echo sorry >&2; exit 7'";
  recorded_run& one = run("web");
  EXPECT_EQ(one.how, end_reason::connect_failed) << one.context;
  EXPECT_EQ(one.last_phase(), phase::connect);
  EXPECT_NE(one.context.find("; proxy command `sh -c 'echo no way to %h >&2; echo sorry >&2; exit "
                             "7'`: exit code 7; it said: "),
            std::string::npos)
      << one.context;
  EXPECT_TRUE(one.context.ends_with("no way to web | sorry")) << one.context;
  EXPECT_EQ(one.context.find("key exchange"), std::string::npos) << one.context;
}

TEST_F(proxy_command, that_cannot_be_run_says_so) {
  options.proxy_command = "/no/such/program %h";
  recorded_run& one = run("web");
  EXPECT_EQ(one.how, end_reason::connect_failed);
  EXPECT_NE(one.context.find("`: exit code 127; it said: "), std::string::npos) << one.context;
  EXPECT_NE(one.context.find("/no/such/program"), std::string::npos) << one.context;
}

TEST_F(proxy_command, is_killed_by_a_signal_and_the_host_is_lost_with_its_name) {
  options.proxy_command = "bash -c 'echo dying >&2; echo $$ >" + server->directory() +
                          "/pid; exec 3<>/dev/tcp/127.0.0.1/%p; cat <&3 & cat >&3; kill %%1'";
  recorded_run& one = prepare("web", "echo begun; sleep 2");
  one.open();
  ASSERT_TRUE(loop.until([&] { return one.failed || one.out == "begun\n"; })) << one.context;
  std::ifstream file(server->directory() + "/pid");
  pid_t pid = 0;
  ASSERT_TRUE(file >> pid);
  ASSERT_EQ(::kill(-pid, SIGKILL), 0);
  one.run();
  EXPECT_EQ(one.how, end_reason::connection_lost);
  EXPECT_NE(one.context.find("`: signal KILL; it said: dying"), std::string::npos) << one.context;
}

TEST_F(proxy_command, keeps_the_last_lines_of_much_that_was_said) {
  options.proxy_command = "sh -c 'seq 100000 >&2; printf \"\\033[31mred\\n\" >&2; exit 1'";
  recorded_run& one = run("web");
  EXPECT_LT(one.context.size(), 600U);
  EXPECT_NE(one.context.find("| 99999 | 100000 | ^[[31mred"), std::string::npos) << one.context;
}

TEST_F(proxy_command, is_not_run_for_a_name_or_user_that_a_shell_would_act_on) {
  std::string file = server->directory() + "/made";
  options.proxy_command = "touch " + file + "; echo %h %r";
  for (const char* where : {"$(id)", "a;b", "-oX", "`x`", "a|b", "x&y", "a>b"}) {
    recorded_run& one = run(std::string(where));
    EXPECT_EQ(one.how, end_reason::connect_failed) << where;
    EXPECT_NE(one.context.find("the host's name has characters that a shell acts on"),
              std::string::npos)
        << one.context;
  }
  EXPECT_EQ(run("$x@web").context.find("user's name"), std::string::npos);
  EXPECT_NE(run("a;b@web").context.find("user's name"), std::string::npos) << last->context;
  EXPECT_NE(run("-l@web").context.find("user's name"), std::string::npos) << last->context;
}

TEST_F(proxy_command, with_an_unknown_token_fails_in_words) {
  options.proxy_command = "nc %q";
  EXPECT_EQ(run("web").context,
            "web: proxy command `nc %q`: 'nc %q': %q has no meaning here; write %% for %");
}

TEST_F(proxy_command, excludes_a_unix_socket) {
  options.proxy_command = "nc";
  options.unix_socket = "/socket";
  EXPECT_THROW((void)detail::make_ssh_environment(loop, options), std::invalid_argument);
}

TEST_F(proxy_command, leaves_no_child_whenever_it_is_given_up) {
  // Each ignores HUP, or says nothing, or has led to the host.
  for (const char* text : {"sh -c 'trap : HUP; while :; do sleep 0.1; done'", "sleep 600", relay}) {
    options.proxy_command = text;
    for (int turns : {0, 1, 2, 3, 10, 200}) {
      recorded_run& one = prepare("web", "sleep 1");
      one.open();
      for (int i = 0; i < turns; ++i) loop.get().turn(1'000'000);
      one.close();
      one.run();
      EXPECT_TRUE(no_child_is_left()) << text << ", after " << turns << " turns";
    }
  }
}

TEST_F(proxy_command, is_ended_with_the_connection_that_was_kept) {
  options.proxy_command = relay;
  EXPECT_EQ(run("web").out, "42\n") << last->context;
  EXPECT_TRUE(no_child_is_left());
}

TEST(proxy_command_of_an_action, that_says_nothing_times_out_while_it_connects) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  ssh_options how = options_for(server);
  how.proxy_command = "sh -c 'echo waiting >&2; exec sleep 600'";
  how.limits.establish = std::chrono::milliseconds(300);
  auto one = remote("true", host_set("web1")).ssh(how);
  action_result all = sync_wait(one.run());
  EXPECT_EQ(all.all()[0].how(), end_reason::timed_out);
  EXPECT_EQ(all.all()[0].phase(), phase::connect);
  EXPECT_NE(all.all()[0].error_context().find("exec sleep 600'` said: waiting"), std::string::npos)
      << all.all()[0].error_context();
}

TEST(proxy_command_of_an_action, without_its_program_or_its_proxy_fails) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  execo::ssh_options how;
  how.proxy_command = "nc -X connect -x proxy:3128 %h %p";
  how.identities.push_back(server.identity());
  auto one = remote("true", host_set("web1.invalid")).ssh(how);
  action_result all = sync_wait(one.run());
  EXPECT_EQ(all.all()[0].how(), end_reason::connect_failed);
  EXPECT_NE(all.all()[0].error_context().find("%h %p`: exit code "), std::string::npos)
      << all.all()[0].error_context();
}

TEST(proxy_command_of_an_action, leads_to_forty_hosts_at_a_time) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  ssh_options how = options_for(server);
  how.proxy_command = relay;
  auto all = remote("echo 42", host_set("web[1-40]")).ssh(how);
  action_result end = sync_wait(all.run());
  EXPECT_TRUE(end.ok()) << end.all()[0].describe();
}

}  // namespace
}  // namespace execo::test
