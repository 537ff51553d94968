// Commands whose controller is gone, or silent: a script on the host ends them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>

#include "cabled_server.hpp"
#include "execo/remote.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "program.hpp"
#include "recorded_run.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Two levels of processes that take neither HUP nor TERM.
constexpr const char* stubborn =
    "trap '' HUP TERM; sh -c 'trap \"\" HUP TERM PIPE; while :; do sleep 0.1; done' & "
    "while :; do sleep 0.1; done";

class lease : public testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
  }
  void start(const std::string& more = {}) {
    server_ = std::make_unique<sshd_fixture>(more);
    options_ = options_for(*server_);
    options_.lease = 2s;
  }
  host_result run(const std::string& text, std::chrono::milliseconds limit = 0ms) {
    remote r(text, host("127.1.0.1"));
    r.ssh(options_).timeout(limit).kill_timeout(300ms);
    return sync_wait(std::move(r)).all()[0];
  }
  /// Has the tool run commands that take neither HUP nor TERM, and kills it.
  void kill_a_run_of(const std::string& user, int hosts) const {
    program tool(execo_run(*server_, user,
                           {"--lease", "2s", "-w", "127.1.0.[1-" + std::to_string(hosts) + "]",
                            "--", std::string("echo up; ") + stubborn}));
    for (int i = 1; i <= hosts; ++i)
      EXPECT_TRUE(tool.out_has("127.1.0." + std::to_string(i) + ": up"));
    tool.kill(SIGKILL);
    (void)tool.finish();
    EXPECT_TRUE(server_->no_commands_left()) << user;
  }

  std::unique_ptr<sshd_fixture> server_;
  ssh_options options_;
};

TEST_F(lease, leaves_a_command_alone_that_ends_by_itself) {
  start();
  host_result r = run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(r.status(), exit_status::of_code(3)) << r.describe();
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
  EXPECT_FALSE(r.may_still_run());
}

TEST_F(lease, is_kept_for_longer_than_it_is) {
  start();
  options_.lease = 1s;
  host_result r = run("sleep 4; echo here");
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.out, "here\n");
}

TEST_F(lease, ends_nothing_that_a_command_has_left_on_purpose) {
  start();
  for (bool reuse : {true, false}) {
    options_.reuse = reuse;
    context of_its_own;
    remote r("nohup sleep 1000 >/dev/null 2>&1 & echo $!", host("127.1.0.1"));
    r.on(of_its_own).ssh(options_);
    action_result all = sync_wait(of_its_own, std::move(r).run());
    ASSERT_TRUE(all.ok()) << all.describe();
    close_idle_connections(of_its_own);
    auto left = static_cast<pid_t>(std::stol(all.all()[0].out));
    // The helper of the connection has ended when the server's processes have.
    auto only_it_is_left = [&]() -> task<void> {
      while (server_->commands() != std::vector<pid_t>{left}) co_await sleep(5ms);
    };
    sync_wait(of_its_own, only_it_is_left());
    EXPECT_EQ(::kill(left, SIGKILL), 0) << reuse;
    EXPECT_TRUE(server_->no_commands_left());
  }
}

TEST_F(lease, ends_what_a_timeout_ends) {
  start();
  host_result r = run("trap '' TERM; sleep 1000; :", 300ms);
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  EXPECT_TRUE(server_->no_commands_left());
}

TEST_F(lease, is_for_several_commands_of_a_connection) {
  start("MaxSessions 20\n");
  std::vector<host> hosts(8, host("127.1.0.1"));
  context one;
  remote quick("echo here", hosts);
  action_result all = sync_wait(one, std::move(quick).on(one).ssh(options_).run());
  EXPECT_TRUE(all.ok()) << all.describe();
}

TEST_F(lease, says_what_keeps_it_from_being_kept) {
  start("MaxSessions 1\n");
  host_result r = run("true");
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.started_command(), certainty::no) << r.describe();
  start("ForceCommand echo forced\n");
  r = run("true");
  EXPECT_EQ(r.how(), end_reason::unsupported) << r.describe();
  EXPECT_EQ(r.started_command(), certainty::no);
  EXPECT_THAT(r.error_context(), HasSubstr("ForceCommand"));
  options_.connector = "sh -c";
  EXPECT_THROW((void)run("true"), std::invalid_argument);
}

TEST_F(lease, ends_the_commands_of_a_program_that_was_killed) {
  start();
  for (const std::string& user : server_->login_users()) kill_a_run_of(user, 5);
}

TEST_F(lease, ends_them_on_a_dropbear_as_well) {
  if (!sshd_fixture::available(ssh_server::dropbear)) GTEST_SKIP() << "no dropbear";
  server_ = std::make_unique<sshd_fixture>("", ssh_server::dropbear);
  kill_a_run_of(server_->user(), 1);
}

TEST_F(lease, ends_the_commands_behind_a_network_that_is_cut) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes network namespaces";
  cabled_server there;
  if (!there.works()) GTEST_SKIP() << "no network namespaces, or no ip(8)";
  ssh_options options = options_for(there.server());
  options.lease = 2s;
  options.tcp_keepalive = 1s;
  driven_loop loop;
  auto shared = detail::make_ssh_environment(loop, options);
  recorded_run r(loop, shared, cabled_server::address, std::string("echo up; ") + stubborn);
  r.open();
  ASSERT_TRUE(loop.until([&] { return r.out == "up\n"; }));
  ASSERT_TRUE(there.unplug());
  r.run();
  EXPECT_EQ(r.how, end_reason::connection_lost) << r.context;
  EXPECT_TRUE(there.server().no_commands_left());
}

}  // namespace
}  // namespace execo::test
