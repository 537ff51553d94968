// Hosts of a real sshd that reach each other by the real ssh and have no keys: those of the root
// sign, and the hosts are told the host keys that it knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "execo/execo.hpp"
#include "relaying_hosts.hpp"
#include "ssh_agents.hpp"

namespace execo {
namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

class relayed_logins_of_a_tree : public test::relaying_hosts {
 protected:
  void SetUp() override {
    relaying_hosts::SetUp();
    if (!IsSkipped()) start_server();
  }
  void run_on(const std::string& hosts, const tree& shape) {
    expect_all_ok(run_through(hosts, shape));
  }
};

TEST_F(relayed_logins_of_a_tree, are_signed_by_the_key_files_of_the_root) {
  keep_log();
  run_on("127.3.0.[1-24]", tree().arity(3));
  EXPECT_GE(starts().size(), 12U);
  EXPECT_THAT(starts(), Each(HasSubstr("IdentityAgent=/proc/")));
  EXPECT_THAT(starts(), Each(HasSubstr("StrictHostKeyChecking=yes")));
  const auto fast = AnyOf(HasSubstr("Ciphers=^aes128-gcm@openssh.com "),
                          HasSubstr("Ciphers=^chacha20-poly1305@openssh.com "));
  EXPECT_THAT(starts(), Each(fast));
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
  std::ofstream(known()) << "[127.3.0.1]:" << server_->port() << ' ' << server_->host_key() << '\n';
  way_.host_key_policy = host_keys::accept_new;
  run_on("127.3.0.[1-8]", tree().arity(2));
  EXPECT_EQ(starts().size(), 0U);
}

TEST_F(relayed_logins_of_a_tree, are_not_made_where_all_are_children_of_the_root) {
  run_on("127.3.0.[1-8]", tree().depth(1));
  EXPECT_EQ(starts().size(), 0U);
}

// It plays an agent that is given a host, and asks for the keys of that one and of another one, and
// for signatures by lies about its session.
TEST_F(relayed_logins_of_a_tree, are_not_signed_for_a_host_that_was_broken_into) {
  break_in("127.3.0.1");
  keep_log();
  action_result all = sync_wait(
      remote("echo here", "127.3.0.[1-3]").ssh(way_).via(tree().arity(1)).timeout(60s).run());
  EXPECT_EQ(answers(), "12\n5\n5\n5\n5\n") << all.describe();
  EXPECT_THAT(log(), HasSubstr("the host is not one that is to be reached from there\n"));
  EXPECT_THAT(log(), HasSubstr("its ssh does not say of which session it is"));
  EXPECT_THAT(log(), HasSubstr("the session is with another host key\n"));
  EXPECT_THAT(log(), HasSubstr("the host key has not signed the session\n"));
  EXPECT_EQ(all.all().at(0).how(), end_reason::connection_lost) << all.describe();
  for (std::size_t other : {1U, 2U}) EXPECT_EQ(all.all().at(other).out, "here\n") << all.describe();
  EXPECT_TRUE(server_->no_commands_left());
}

// An agent finds that no agent can be started there: the root runs the command without one.
class leaves_behind_other_hosts : public relayed_logins_of_a_tree,
                                  public testing::WithParamInterface<bool> {};

TEST_P(leaves_behind_other_hosts, are_reached_by_the_root) {
  const bool site_trust = GetParam();
  force("127.3.0.9", "case $SSH_ORIGINAL_COMMAND in *execo1*) echo no place here; exit 9 ;; esac");
  std::ofstream(folder_.path() + "/config")
      << "IdentityFile " << server_->identity() << "\nIdentityAgent none\nUserKnownHostsFile "
      << way_.known_hosts << "\nStrictHostKeyChecking yes\n";
  if (site_trust) place_ssh("exec /usr/bin/ssh -F " + folder_.path() + "/config \"$@\"");
  tree shape = tree().arity(2);
  if (site_trust) shape.site_trust();
  action_result all =
      sync_wait(remote("echo here", "127.3.0.[1-9]").ssh(way_).via(shape).timeout(60s).run());
  for (const host_result& one : all.all()) {
    EXPECT_EQ(one.out, "here\n") << one.describe();
    const bool is_leaf = one.host.name() == "127.3.0.9";
    EXPECT_EQ(one.transport(), is_leaf ? transport_kind::ssh : transport_kind::tree);
    EXPECT_EQ(one.transport_why().starts_with("without an agent: "), is_leaf) << one.describe();
  }
  // Another host has tried it.
  EXPECT_THAT(starts(), testing::Contains(HasSubstr("-- 127.3.0.9 ")));
  EXPECT_TRUE(server_->no_commands_left());
}

INSTANTIATE_TEST_SUITE_P(of, leaves_behind_other_hosts, testing::Bool(), [](const auto& which) {
  return std::string(which.param ? "a_trusted_site" : "relayed_logins");
});

}  // namespace
}  // namespace execo
