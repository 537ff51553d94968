// `execo run` against OpenSSH's own server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <memory>

#include "program.hpp"
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

  // Everyone who may log in: sshd treats signals for root and for others differently.
  std::vector<std::string> users() const {
    std::vector<std::string> all{server_->user()};
    if (!server_->ordinary_user().empty()) all.push_back(server_->ordinary_user());
    return all;
  }

  std::unique_ptr<sshd_fixture> server_;
};

TEST_F(execo_run_on_sshd, many_hosts_answer_alike) {
  outcome o = run_program(run({"-w", "127.5.0.[1-40]", "-l", server_->user(), "-b", "uname -s"}));
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(o.out, "---------------\n127.5.0.[1-40] (40)\n---------------\nLinux\n");
}

TEST_F(execo_run_on_sshd, an_interrupt_leaves_no_command_behind) {
  for (const std::string& user : users()) {
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
  for (const std::string& user : users()) {
    outcome o = run_program(run({"-u", "300ms", "-w", "127.5.0.[1-5]", "-l", user,
                                 "trap : TERM HUP; while :; do sleep 0.1; done"}));
    EXPECT_EQ(o.code, 4) << user;
    EXPECT_THAT(o.err, HasSubstr("execo: 5 hosts (127.5.0.[1-5]): timed out while it ran\n"));
    EXPECT_TRUE(server_->no_commands_left()) << user;
  }
}

}  // namespace
}  // namespace execo::test
