// Hosts of a real sshd that reach each other by the real ssh and have no keys: those of the root
// sign, and the hosts are told the host keys that it knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "fleet_fixture.hpp"
#include "ssh_agents.hpp"
#include "sshd_fixture.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

class relayed_logins_of_a_tree : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    server_ = std::make_unique<test::sshd_fixture>(
        "MaxStartups 1000\nSetEnv PATH=" + folder_.path() + ":/usr/bin:/bin\n");
    std::ofstream(folder_.path() + "/known")
        << "[127.3.0.*]:" << server_->port() << ' ' << server_->host_key() << '\n';
    way_.port = server_->port();
    way_.user = server_->user();
    way_.identities = {server_->identity()};
    way_.agent = "none";
    way_.known_hosts = folder_.path() + "/known";
    way_.config_file = "none";
    place_ssh("exec /usr/bin/ssh \"$@\"");
  }
  void TearDown() override { set_log(log_level::off, {}); }

  /// What the hosts have as ssh: it writes its words down, and does that.
  void place_ssh(const std::string& text) {
    std::ofstream(folder_.path() + "/ssh", std::ios::trunc)
        << "#!/bin/sh\necho \"$*\" >>" << folder_.path() << "/starts\n"
        << text << '\n';
    fs::permissions(folder_.path() + "/ssh", fs::perms(0755));
  }
  /// The words of each ssh that a host has started.
  std::vector<std::string> starts() const {
    std::ifstream from(folder_.path() + "/starts");
    std::vector<std::string> lines;
    for (std::string line; std::getline(from, line);) lines.push_back(line);
    return lines;
  }
  void run_on(const std::string& hosts, const tree& shape) {
    action_result all =
        sync_wait(remote("echo $SSH_CONNECTION", hosts).ssh(way_).via(shape).timeout(60s).run());
    for (const host_result& one : all.all()) {
      EXPECT_TRUE(one.ok()) << one.describe();
      EXPECT_THAT(one.out, HasSubstr(" " + one.host.name() + " "));
    }
    EXPECT_TRUE(server_->no_commands_left());
  }
  void keep_log() {
    set_log(log_level::warning, [this](const log_record& record) {
      const std::lock_guard hold(mutex_);
      log_ += std::string(record.message) + '\n';
    });
  }
  std::string log() {
    const std::lock_guard hold(mutex_);
    return log_;
  }

  test::scratch_directory folder_;
  std::unique_ptr<test::sshd_fixture> server_;
  ssh_options way_;
  std::mutex mutex_;
  std::string log_;
};

TEST_F(relayed_logins_of_a_tree, are_signed_by_the_key_files_of_the_root) {
  keep_log();
  run_on("127.3.0.[1-24]", tree().arity(3));
  EXPECT_GE(starts().size(), 12U);
  EXPECT_THAT(starts(), Each(HasSubstr("IdentityAgent=/proc/")));
  EXPECT_THAT(starts(), Each(HasSubstr("StrictHostKeyChecking=yes")));
  EXPECT_THAT(starts(), Each(Not(HasSubstr(server_->identity()))));
  EXPECT_EQ(log(), "");
}

TEST_F(relayed_logins_of_a_tree, are_signed_by_the_agent_of_the_root) {
  if (!test::ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent on this machine";
  test::ssh_agent_fixture agent;
  agent.add(server_->identity());
  way_.agent = agent.path();
  way_.identities = {server_->identity() + ".pub"};
  run_on("127.3.0.[1-12]", tree().arity(2));
  EXPECT_GE(starts().size(), 6U);
}

// The ssh of a host wants to log in as somebody else, wherever it leads: it gets no signature, and
// the root itself reaches those hosts.
TEST_F(relayed_logins_of_a_tree, are_not_signed_as_another_user) {
  if (server_->ordinary_user().empty()) GTEST_SKIP() << "no other user may log in";
  place_ssh("exec /usr/bin/ssh -l " + server_->ordinary_user() + " \"$@\"");
  keep_log();
  run_on("127.3.0.[1-8]", tree().arity(2));
  EXPECT_GE(starts().size(), 1U);
  EXPECT_THAT(log(), HasSubstr("no signature for a login from there: the login is as another"));
}

TEST_F(relayed_logins_of_a_tree, that_fail_are_made_by_the_root) {
  place_ssh("echo no route >&2; exit 255");
  run_on("127.3.0.[1-8]", tree().arity(2));
  EXPECT_GE(starts().size(), 1U);
}

TEST_F(relayed_logins_of_a_tree, are_not_made_to_hosts_whose_keys_the_root_does_not_know) {
  std::ofstream(folder_.path() + "/known")
      << "[127.3.0.1]:" << server_->port() << ' ' << server_->host_key() << '\n';
  way_.host_key_policy = host_keys::accept_new;
  run_on("127.3.0.[1-8]", tree().arity(2));
  EXPECT_EQ(starts().size(), 0U);
}

TEST_F(relayed_logins_of_a_tree, are_not_made_where_all_are_children_of_the_root) {
  run_on("127.3.0.[1-8]", tree().depth(1));
  EXPECT_EQ(starts().size(), 0U);
}

}  // namespace
}  // namespace execo
