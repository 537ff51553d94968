// How commands on real servers are ended with all that they started, whatever the login shell, and
// what the result says where that cannot be done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "recorded_run.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// The shell ends by TERM, its child does not.
constexpr const char* stubborn_child = "sh -c 'trap \"\" TERM; echo up; sleep 1000; :'; echo never";

/// Runs a command, and ends it when it has written "up".
host_result run_on(const sshd_fixture& server, const std::string& user, std::string_view text,
                   duration kill_timeout) {
  ssh_options options = options_for(server);
  options.user = user;
  remote action(command(text), std::vector<host>{host("127.3.0.1")});
  std::move(action)
      .ssh(std::move(options))
      .kill_timeout(kill_timeout)
      .drain_timeout(100ms)
      .on_line([&action](const output_line& l) {
        if (l.text == "up") action.kill();
      });
  auto work = [&]() -> task<host_result> {
    action_result all = co_await action.run();
    co_return all.all()[0];
  };
  return sync_wait(work());
}

class login {
 public:
  ssh_server server;
  std::string shell;  // empty: root
  std::string name() const {
    return (server == ssh_server::openssh ? "openssh_" : "dropbear_") +
           (shell.empty() ? "root" : shell);
  }
  friend void PrintTo(const login& who, std::ostream* to) { *to << who.name(); }
};

class ssh_end : public ::testing::TestWithParam<login> {
 protected:
  static void SetUpTestSuite() {
    for (ssh_server which : {ssh_server::openssh, ssh_server::dropbear})
      if (sshd_fixture::available(which))
        servers_[static_cast<std::size_t>(which)] = std::make_unique<sshd_fixture>("", which);
  }
  static void TearDownTestSuite() {
    for (auto& one : servers_) one.reset();
  }
  void SetUp() override {
    const login& who = GetParam();
    auto& one = servers_[static_cast<std::size_t>(who.server)];
    if (!one) GTEST_SKIP() << "no such server";
    user_ = who.shell.empty() ? one->user() : one->user_with_shell(who.shell);
    if (user_.empty()) GTEST_SKIP() << "no user with that shell";
  }
  const sshd_fixture& server() const {
    return *servers_[static_cast<std::size_t>(GetParam().server)];
  }
  host_result run(std::string_view text, duration kill_timeout) const {
    return run_on(server(), user_, text, kill_timeout);
  }

  std::string user_;

 private:
  static inline std::array<std::unique_ptr<sshd_fixture>, 2> servers_;
};

TEST_P(ssh_end, takes_along_what_the_shell_started) {
  for (const char* text :
       {"echo up; sleep 1000; echo x", "echo up; sleep 1000 | cat",
        "sh -c 'echo up; sleep 1000; :'", "sleep 1000 & echo up; sleep 1000; echo y",
        "echo up; exec sleep 1000"}) {
    host_result r = run(text, 20s);
    EXPECT_TRUE(r.killed()) << text << ": " << r.describe();
    EXPECT_FALSE(r.may_still_run()) << text << ": " << r.describe();
    EXPECT_FALSE(r.forced_kill()) << text << ": " << r.describe();
    EXPECT_TRUE(r.out.ends_with("up\n")) << text << ": " << r.out;
    EXPECT_TRUE(server().no_commands_left()) << text;
  }
}

TEST_P(ssh_end, kills_what_outlives_the_shell) {
  host_result r = run(stubborn_child, 200ms);
  EXPECT_TRUE(r.killed()) << r.describe();
  EXPECT_TRUE(server().no_commands_left());
}

TEST_P(ssh_end, kills_what_outlives_the_shell_and_holds_no_output) {
  host_result r =
      run("sh -c 'trap \"\" TERM; echo up; exec sleep 1000 >/dev/null 2>&1'; echo never", 200ms);
  EXPECT_TRUE(r.killed()) << r.describe();
  EXPECT_TRUE(server().no_commands_left());
}

TEST_P(ssh_end, kills_a_whole_tree_that_ignores_term) {
  host_result r =
      run("sh -c 'trap \"\" TERM; (sleep 1000; :) & (sh -c \"sleep 1000; :\"; :) & "
          "echo up; wait; sleep 300'",
          200ms);
  EXPECT_TRUE(r.killed()) << r.describe();
  EXPECT_TRUE(server().no_commands_left());
}

TEST_P(ssh_end, wakes_a_command_that_is_stopped) {
  host_result r =
      run("exec sh -c 'trap \"echo bye; exit 9\" TERM; echo up; kill -STOP $$; sleep 300'", 20s);
  EXPECT_EQ(r.status().code(), 9) << r.describe();
  EXPECT_EQ(r.out, "up\nbye\n");
  EXPECT_TRUE(server().no_commands_left());
}

TEST_P(ssh_end, tells_a_handler_once) {
  host_result r =
      run("exec sh -c 'trap \"echo told\" TERM; echo up; i=0; "
          "while [ $i -lt 20 ]; do i=$((i+1)); sleep 0.05; done; exit 5'",
          20s);
  EXPECT_EQ(r.status().code(), 5) << r.describe();
  EXPECT_EQ(r.out, "up\ntold\n");
}

std::vector<login> all_logins() {
  std::vector<login> all;
  for (ssh_server server : {ssh_server::openssh, ssh_server::dropbear})
    for (const char* shell : {"", "bash", "dash", "csh", "tcsh", "fish", "zsh", "ksh93"})
      all.push_back(login{server, shell});
  return all;
}

INSTANTIATE_TEST_SUITE_P(on, ssh_end, ::testing::ValuesIn(all_logins()),
                         [](const auto& i) { return i.param.name(); });

TEST(ssh_end_without_a_second_channel, is_asked_of_the_server_and_told_when_it_did_nothing) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server("MaxSessions 1\n");
  if (server.user() != "root") GTEST_SKIP() << "sshd passes this user's signals on";
  host_result r = run_on(server, "root", "echo up; sleep 1000; echo x", 100ms);
  EXPECT_TRUE(r.forced_kill()) << r.describe();
  EXPECT_EQ(r.leftover(), leftover_cause::no_second_channel) << r.describe();
  EXPECT_THAT(r.describe(), HasSubstr("it may still run: "));
  EXPECT_FALSE(server.commands().empty());
  if (server.ordinary_user().empty()) return;
  r = run_on(server, server.ordinary_user(), "echo up; exec sleep 1000", 20s);
  EXPECT_EQ(r.status().signal(), SIGTERM) << r.describe();
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  r = run_on(server, server.ordinary_user(), stubborn_child, 100ms);
  EXPECT_EQ(r.leftover(), leftover_cause::no_second_channel) << r.describe();
}

TEST(ssh_end_of_a_forced_command, starts_it_once_more_at_most_and_is_told_as_uncertain) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server("ForceCommand echo up; exec sleep 1000\n");
  for (const std::string& user : {server.user(), server.ordinary_user()}) {
    if (user.empty()) continue;
    std::size_t before = server.commands().size();
    host_result r = run_on(server, user, "true", 300ms);
    EXPECT_TRUE(r.may_still_run()) << r.describe();
    EXPECT_LE(server.commands().size(), before + 2);
  }
}

TEST(ssh_end_of_another_users_process, is_told_as_not_permitted) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  if (server.ordinary_user().empty()) GTEST_SKIP() << "no other user";
  std::string program = server.directory() + "/set-user-id";
  std::filesystem::copy_file(EXECO_CHILD_TARGET, program);
  ASSERT_EQ(::chmod(program.c_str(), 04755), 0);
  host_result r = run_on(server, server.ordinary_user(),
                         program + " become-root 300 | sed -u s/ready/up/", 200ms);
  EXPECT_TRUE(r.may_still_run()) << r.describe();
  EXPECT_FALSE(server.commands().empty());
}

TEST(ssh_end_by_a_lost_connection, is_told_as_uncertain) {
  if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
  sshd_fixture server;
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options_for(server));
  recorded_run r(loop, shared, "127.3.0.1", "echo $PPID; exec sleep 1000");
  r.open();
  ASSERT_TRUE(loop.until([&r] { return r.out.ends_with("\n"); })) << r.context;
  (void)::kill(std::atoi(r.out.c_str()), SIGKILL);
  r.run();
  EXPECT_EQ(r.how, end_reason::connection_lost) << r.context;
  EXPECT_EQ(r.report.leftover, leftover_cause::connection_lost);
}

}  // namespace
}  // namespace execo::test
