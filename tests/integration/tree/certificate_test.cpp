// Hosts of a real sshd that trusts an authority, and that reach each other by the real ssh with
// certificates of that authority.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "execo/execo.hpp"
#include "program.hpp"
#include "relaying_hosts.hpp"
#include "ssh/identity.hpp"
#include "ssh/ssh_signature.hpp"
#include "ssh/user_certificate.hpp"
#include "ssh_agents.hpp"

namespace execo {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Each;
using testing::HasSubstr;
using testing::Not;

class certificates_of_a_tree : public test::relaying_hosts {
 protected:
  void SetUp() override {
    relaying_hosts::SetUp();
    if (IsSkipped()) return;
    make_authority("");
    keep_log();
  }

  std::string authority() const { return folder_.path() + "/ca"; }
  void make_authority(const std::string& passphrase) {
    fs::remove(authority());
    test::outcome made = test::run_program({"/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N",
                                            passphrase, "-C", "ca", "-f", authority()});
    ASSERT_EQ(made.code, 0) << made.err;
  }
  void start_trusting_server() { start_server("TrustedUserCAKeys " + authority() + ".pub\n"); }
  action_result run_on(const std::string& hosts, const std::string& key, std::size_t arity = 2) {
    tree shape = tree().arity(arity).depth(2);
    shape.certificate_authority(key);
    return run_through(hosts, shape);
  }
  static std::size_t reached_through_others(const action_result& all) {
    std::size_t count = 0;
    for (const host_result& one : all.all())
      count += one.error_context().starts_with("reached through") ? 1 : 0;
    return count;
  }
};

// The agent of the root counts what it signs: logins of the root itself, and nothing else.
TEST_F(certificates_of_a_tree, let_hosts_log_in_to_each_other_without_the_root) {
  if (!test::ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent on this machine";
  start_trusting_server();
  test::ssh_agent_fixture agent;
  agent.add(server_->identity());
  test::stand_in_agent counting(folder_.path() + "/agent",
                                test::stand_in_agent::relay(agent.path()));
  way_.agent = counting.path();
  way_.identities = {server_->identity() + ".pub"};
  action_result all = run_on("127.3.0.[1-20]", authority(), 4);
  expect_all_ok(all);
  const std::size_t others = reached_through_others(all);
  EXPECT_GE(others, 12U);
  EXPECT_EQ(counting.signatures(), all.all().size() - others);
  EXPECT_THAT(starts(), Each(HasSubstr("CertificateFile=/proc/")));
  EXPECT_THAT(starts(), Each(HasSubstr("IdentityAgent=none")));
  EXPECT_THAT(starts(), Each(Not(HasSubstr(authority()))));
  EXPECT_THAT(server_->log(), HasSubstr("ED25519-CERT"));
  EXPECT_THAT(server_->log(), HasSubstr(", through 127.3.0."));
  EXPECT_EQ(log(), "");
}

TEST_F(certificates_of_a_tree, are_signed_by_the_ssh_agent_as_well) {
  if (!test::ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent on this machine";
  start_trusting_server();
  test::ssh_agent_fixture agent;
  agent.add(authority());
  fs::remove(authority());
  way_.agent = agent.path();
  action_result all = run_on("127.3.0.[1-6]", authority() + ".pub");
  expect_all_ok(all);
  EXPECT_GE(reached_through_others(all), 3U);
}

TEST_F(certificates_of_a_tree, are_signed_by_a_key_that_asks_for_its_passphrase_once) {
  make_authority("rosebud");
  start_trusting_server();
  int asked = 0;
  way_.passphrase = secret_prompt([&](const std::string& text) -> std::optional<secret> {
    EXPECT_THAT(text, HasSubstr(authority()));
    ++asked;
    return secret(std::string("rosebud"));
  });
  action_result all = run_on("127.3.0.[1-6]", authority());
  expect_all_ok(all);
  EXPECT_GE(reached_through_others(all), 3U);
  EXPECT_EQ(asked, 1);
}

TEST_F(certificates_of_a_tree, that_a_host_does_not_trust_leave_it_to_the_root_with_the_reason) {
  start_server();
  action_result all = run_on("127.3.0.[1-6]", authority());
  expect_all_ok(all);
  EXPECT_GE(starts().size(), 1U);
  EXPECT_EQ(reached_through_others(all), 0U);
  std::size_t with_reason = 0;
  for (const host_result& one : all.all())
    with_reason += one.error_context().find("Permission denied") != std::string::npos ? 1 : 0;
  EXPECT_EQ(with_reason, starts().size());
  EXPECT_THAT(log(), HasSubstr("a host of a tree is reached from here: "));
}

TEST_F(certificates_of_a_tree, that_nobody_signs_leave_the_hosts_to_the_root_with_the_reason) {
  if (!test::ssh_agent_fixture::available()) GTEST_SKIP() << "no ssh-agent on this machine";
  start_trusting_server();
  test::ssh_agent_fixture agent;
  way_.agent = agent.path();
  action_result all = run_on("127.3.0.[1-6]", authority() + ".pub");
  expect_all_ok(all);
  EXPECT_EQ(starts().size(), 0U);
  EXPECT_THAT(log(), HasSubstr("no certificates for the hosts of a tree: " + authority() +
                               ".pub: is a public key, which only an agent can use\n"));
}

TEST_F(certificates_of_a_tree, need_a_key_that_is_there_and_logins_over_ssh) {
  start_trusting_server();
  auto words_of = [&](const std::string& key) -> std::string {
    try {
      (void)run_on("127.3.0.1", key);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "none";
  };
  const std::string none = folder_.path() + "/none";
  fs::permissions(known(), fs::perms(0600));
  EXPECT_EQ(words_of(none), "certificate authority " + none + " is missing");
  EXPECT_EQ(words_of(known()), "certificate authority " + known() + " is not a private key");
  EXPECT_EQ(
      words_of(authority() + ".pub"),
      "certificate authority " + authority() + ".pub is a public key, which only an agent can use");
  way_.connector = "local";
  EXPECT_THAT(words_of(authority()), HasSubstr("certificate_authority: "));
}

// It plays an agent that is given a host, and asks for keys and signatures by lies: there are none,
// for its ssh needs none.
TEST_F(certificates_of_a_tree, leave_nothing_for_the_root_to_sign) {
  start_trusting_server();
  break_in("127.3.0.1");
  action_result all = run_on("127.3.0.[1-3]", authority(), 1);
  EXPECT_EQ(answers(), "5\n5\n5\n5\n5\n") << all.describe();
  for (std::size_t other : {1U, 2U}) EXPECT_TRUE(all.all().at(other).ok()) << all.describe();
  EXPECT_THAT(log(), HasSubstr("the host is not one that is to be reached from there\n"));
}

// Another user needs another certificate, for agents that have one.
TEST_F(certificates_of_a_tree, are_replaced_for_another_user) {
  start_trusting_server();
  if (server_->ordinary_user().empty()) GTEST_SKIP() << "no other user may log in";
  tree shape = tree().arity(1);
  shape.certificate_authority(authority());
  context at;
  auto grow = [&]() -> task<std::string> {
    tree_network net("127.3.0.[1-3]", shape, way_);
    (void)co_await net.deploy();
    std::vector<tree_host> added = co_await net.add(server_->ordinary_user() + "@127.3.0.4");
    std::string parent = added.front().parent;
    EXPECT_TRUE(added.front().up) << added.front().error_context;
    (void)co_await net.close();
    co_return parent;
  };
  EXPECT_NE(sync_wait(at, grow()), "");
  ASSERT_EQ(starts().size(), 3U);
  std::set<std::string> certificates;
  for (const std::string& line : starts()) {
    const std::size_t from = line.find("CertificateFile=");
    certificates.insert(line.substr(from, line.find(' ', from) - from));
  }
  EXPECT_EQ(certificates.size(), 3U);
  EXPECT_THAT(server_->log(), HasSubstr("Accepted publickey for " + server_->ordinary_user()));
  EXPECT_TRUE(server_->no_commands_left());
}

/// A certificate of an hour ago, of another user or of now, as the hosts of a tree would use it.
class logins_by_certificate : public certificates_of_a_tree {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    const std::string file = folder_.path() + "/" + name;
    std::ofstream(file) << text;
    fs::permissions(file, fs::perms(0600));
    return file;
  }
  test::outcome log_in(const std::string& user, std::chrono::seconds from_now,
                       const std::vector<std::string>& more) {
    const detail::key_pair pair;
    detail::identity_set keys(detail::key_files({authority()}), detail::key_files({}), false, false,
                              detail::ssh_caller::now());
    detail::user_certificate made;
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    made.key = pair.blob;
    made.authority = keys[0].blob;
    made.name = "test";
    made.users = {user};
    made.from = static_cast<std::uint64_t>((now - 1h).count());
    made.until = static_cast<std::uint64_t>((now + from_now).count());
    const std::string text = made.to_sign(std::string(32, 'n'));
    const std::string key = write("key", pair.text);
    const std::string certificate =
        write("certificate",
              detail::certificate_line(text, detail::sign_with(keys[0].key.get(), text, 0)));
    std::vector<std::string> words{"/usr/bin/ssh", "-F", "none"};
    for (const std::string& option :
         {std::string("BatchMode=yes"), std::string("IdentityAgent=none"), "IdentityFile=" + key,
          "CertificateFile=" + certificate, std::string("IdentitiesOnly=yes"),
          "UserKnownHostsFile=" + known(), std::string("ExitOnForwardFailure=yes")}) {
      words.emplace_back("-o");
      words.push_back(option);
    }
    words.insert(words.end(), more.begin(), more.end());
    for (const std::string& word :
         {std::string("-l"), server_->user(), std::string("-p"), std::to_string(server_->port()),
          std::string("127.3.0.1"), std::string("echo here")})
      words.push_back(word);
    return test::run_program(words);
  }
};

TEST_F(logins_by_certificate, are_for_its_users_and_until_it_ends) {
  start_trusting_server();
  test::outcome good = log_in(server_->user(), 600s, {});
  EXPECT_EQ(good.out, "here\n") << good.err;
  test::outcome late = log_in(server_->user(), -1s, {});
  EXPECT_EQ(late.out, "");
  EXPECT_THAT(late.err, HasSubstr("Permission denied"));
  EXPECT_THAT(server_->log(), HasSubstr("Certificate invalid: expired"));
  test::outcome other = log_in("another", 600s, {});
  EXPECT_EQ(other.out, "");
  EXPECT_THAT(other.err, HasSubstr("Permission denied"));
}

TEST_F(logins_by_certificate, have_no_terminal_and_no_forwarding) {
  start_trusting_server();
  test::outcome terminal = log_in(server_->user(), 600s, {"-tt"});
  EXPECT_THAT(terminal.err, HasSubstr("PTY allocation request failed"));
  test::outcome forwarding =
      log_in(server_->user(), 600s, {"-R", folder_.path() + "/forwarded:127.0.0.1:1"});
  EXPECT_THAT(forwarding.err, HasSubstr("forwarding"));
  EXPECT_FALSE(fs::exists(folder_.path() + "/forwarded"));
}

}  // namespace
}  // namespace execo
