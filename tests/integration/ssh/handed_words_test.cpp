// The words of ssh_command(), run as any program runs them, against a real server.
#include <execo/ssh_command.hpp>

#include <gmock/gmock.h>

#include <execo/execo.hpp>

#include "leak_check.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class handed_words : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    server_.emplace();
  }
  ssh_options way() const {
    ssh_options options;
    options.config_file = "none";
    options.agent = "none";
    options.host_key_policy = host_keys::ignore;
    options.user = server_->user();
    options.port = server_->port();
    options.identities = {server_->identity()};
    return options;
  }

  std::optional<sshd_fixture> server_;
};

TEST_F(handed_words, run_a_command_on_the_host) {
  ssh_options options = way();
  auto argv = execo::ssh_command("127.1.0.1", options);
  argv.push_back("echo $((6 * 7)); exit 3");
  auto r = sync_wait(execo::process(execo::command(argv)).run());
  EXPECT_EQ(r.status().code(), 3) << r.describe();
  EXPECT_EQ(r.out, "42\n");
}

TEST_F(handed_words, come_through_a_jump_host) {
  ssh_options options = way();
  options.jump = {server_->user() + "@127.1.0.2:" + std::to_string(server_->port())};
  std::vector<std::string> argv = execo::ssh_command("127.1.0.1", options);
  argv.push_back("echo ${SSH_CONNECTION%% *}");
  result r = sync_wait(execo::process(execo::command(argv)).timeout(60s).run());
  EXPECT_EQ(r.status().code(), 0) << r.describe();
  EXPECT_THAT(r.out, ::testing::StartsWith("127."));
}

TEST_F(handed_words, check_the_host_key_as_the_options_say) {
  ssh_options options = way();
  options.host_key_policy = host_keys::strict;
  options.known_hosts = server_->directory() + "/none_is_known";
  std::vector<std::string> argv = execo::ssh_command("127.1.0.1", options);
  argv.push_back("true");
  result r = sync_wait(execo::process(execo::command(argv)).timeout(60s).run());
  EXPECT_EQ(r.status().code(), 255);
  EXPECT_THAT(r.err, ::testing::HasSubstr("Host key verification failed"));
}

}  // namespace
}  // namespace execo::test
