// Connections made as ssh_config(5) says, to a real server. The answers themselves are compared
// with those of ssh in tests/integration/cli/ssh_config_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "execo/remote.hpp"
#include "execo/sleep.hpp"
#include "execo/sync_wait.hpp"
#include "execo/task.hpp"
#include "fleet_fixture.hpp"
#include "leak_check.hpp"
#include "program.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class ssh_config_connection : public testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd";
    start();
  }
  void start(const std::string& more = "AcceptEnv EXECO_TEST_*\n") {
    server_.reset();
    server_ = std::make_unique<sshd_fixture>(more);
    std::ofstream(file("known_hosts"))
        << "[127.*]:" << server_->port() << " " << server_->host_key() << "\n";
  }
  std::string file(const std::string& name) const { return server_->directory() + "/" + name; }

  /// Lines that lead to the server, and what comes before them.
  void write(const std::string& lines) {
    std::ofstream(file("ssh_config"))
        << lines << "\nHost *\nPort " << server_->port() << "\nUser " << server_->user()
        << "\nIdentityFile " << server_->identity() << "\nUserKnownHostsFile "
        << file("known_hosts") << "\nGlobalKnownHostsFile none\n";
  }
  action_result run(const std::vector<host>& hosts, const std::string& text,
                    ssh_options options = {}) {
    remote r(command(text), hosts);
    options.config_file = file("ssh_config");
    r.ssh(std::move(options));
    return sync_wait(std::move(r));
  }
  host_result run_one(const std::string& text, ssh_options options = {}) {
    return run({host("a")}, text, std::move(options)).all()[0];
  }

  std::unique_ptr<sshd_fixture> server_;
};

TEST_F(ssh_config_connection, goes_where_the_file_says_with_its_user_key_and_known_hosts) {
  write("Host web*\nHostName 127.0.1.1\nHost db\nHostName 127.0.2.2\n");
  action_result all = run({host("web1"), host("db"), host("127.0.3.3")}, "echo $SSH_CONNECTION");
  ASSERT_TRUE(all.ok()) << all.all()[0].describe() << all.all()[1].describe();
  std::string port = " " + std::to_string(server_->port());
  EXPECT_THAT(all.all()[0].out, HasSubstr("127.0.1.1" + port));
  EXPECT_THAT(all.all()[1].out, HasSubstr("127.0.2.2" + port));
  EXPECT_THAT(all.all()[2].out, HasSubstr("127.0.3.3" + port));
  EXPECT_EQ(all.all()[0].host.name(), "web1");
}

TEST_F(ssh_config_connection, is_shared_by_hosts_that_are_one) {
  write("HostName 127.0.1.1\n");
  ssh_options options;
  options.config_file = file("ssh_config");
  sync_wait([](ssh_options with) -> task<> {
    for (const char* name : {"web1", "web2"}) {
      remote r("true", host(name));
      r.ssh(with);
      action_result all = co_await r.run();
      EXPECT_TRUE(all.ok()) << all.all()[0].describe();
      EXPECT_EQ(all.stats().connections_made, std::string(name) == "web1" ? 1U : 0U);
    }
  }(options));
}

TEST_F(ssh_config_connection, knows_the_host_by_its_alias) {
  std::ofstream(file("known_hosts")) << "cluster " << server_->host_key() << "\n";
  write("Host a\nHostName 127.0.1.1\nHostKeyAlias cluster\n");
  EXPECT_TRUE(run_one("true").ok());
  write("Host a\nHostName 127.0.1.1\nHostKeyAlias other\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::host_key_rejected);
  EXPECT_THAT(r.error_context(), HasSubstr("other: host key SHA256:"));
}

TEST_F(ssh_config_connection, records_a_new_key_under_the_alias_where_it_may) {
  std::filesystem::remove(file("known_hosts"));
  write("HostName 127.0.1.1\nHostKeyAlias Cluster\nStrictHostKeyChecking accept-new\n");
  EXPECT_TRUE(run_one("true").ok());
  std::ifstream from(file("known_hosts"));
  std::string line;
  std::getline(from, line);
  EXPECT_EQ(line, "cluster " + server_->host_key());
}

TEST_F(ssh_config_connection, trusts_no_revoked_key_and_none_without_the_list_of_them) {
  std::ofstream(file("revoked")) << "# old keys\n" << server_->host_key() << "\n";
  write("HostName 127.0.1.1\nRevokedHostKeys " + file("revoked") + "\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::host_key_rejected);
  EXPECT_THAT(r.error_context(), HasSubstr("@revoked"));
  write("HostName 127.0.1.1\nRevokedHostKeys " + file("none") + "\n");
  EXPECT_THROW(run_one("true"), std::invalid_argument);
}

TEST_F(ssh_config_connection, asks_a_host_on_loopback_for_no_key_where_the_file_says_so) {
  std::filesystem::remove(file("known_hosts"));
  write("HostName 127.0.1.1\nNoHostAuthenticationForLocalhost yes\n");
  EXPECT_TRUE(run_one("true").ok());
  write("HostName 127.0.1.1\nNoHostAuthenticationForLocalhost no\n");
  EXPECT_EQ(run_one("true").how(), end_reason::host_key_rejected);
}

TEST_F(ssh_config_connection, takes_no_revoked_key_where_any_other_one_will_do) {
  std::ofstream(file("revoked")) << server_->host_key() << "\n";
  bool has_ssh = run_program({"ssh", "-V"}).code == 0;
  for (const char* lines :
       {"NoHostAuthenticationForLocalhost yes\n", "StrictHostKeyChecking no\n"}) {
    for (bool revoked : {false, true}) {
      write("HostName 127.0.1.1\n" + std::string(lines) +
            (revoked ? "RevokedHostKeys " + file("revoked") + "\n" : ""));
      host_result r = run_one("true");
      EXPECT_EQ(r.ok(), !revoked) << lines << r.describe();
      if (revoked) {
        EXPECT_EQ(r.how(), end_reason::host_key_rejected) << lines;
        EXPECT_EQ(r.reason(), failure_reason::host_key_revoked) << lines;
      }
      if (!has_ssh) continue;
      outcome by_ssh = run_program({"ssh", "-F", file("ssh_config"), "-o", "BatchMode=yes", "-o",
                                    "IdentityAgent=none", "a", "true"});
      EXPECT_EQ(by_ssh.code == 0, !revoked) << lines << by_ssh.err;
    }
  }
}

// The program ssh decides by the address that it has connected to, and so do we.
TEST_F(ssh_config_connection, asks_for_no_key_where_ssh_asks_for_none) {
  if (run_program({"ssh", "-V"}).code != 0) GTEST_SKIP() << "no ssh";
  std::filesystem::remove(file("known_hosts"));
  struct exemption {
    const char* lines;
    bool holds;
  };
  const std::string relay =
      "ProxyCommand ssh -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
      "-o LogLevel=ERROR -i " +
      server_->identity() + " -l %r -p %p -W 127.0.1.1:%p 127.3.0.1\n";
  const std::string through_program = "HostName localhost\n" + relay;
  const exemption all[] = {
      {"HostName 127.0.1.1\n", true},
      {"HostName localhost\n", true},
      {"HostName localhost\nAddressFamily inet\n", true},
      {"HostName localhost\nHostKeyAlias other\n", false},
      {"HostName 127.0.1.1\nHostKeyAlias other\n", false},
      {through_program.c_str(), false},
      {"Host a\nHostName localhost\nProxyJump gate\nHost gate\nHostName 127.0.8.8\nHost *\n",
       false},
  };
  for (const exemption& one : all) {
    for (bool wanted : {true, false}) {
      if (!wanted && !one.holds) continue;
      write(one.lines + std::string(wanted ? "NoHostAuthenticationForLocalhost yes\n"
                                           : "NoHostAuthenticationForLocalhost no\n"));
      outcome by_ssh = run_program({"ssh", "-F", file("ssh_config"), "-o", "BatchMode=yes", "-o",
                                    "IdentityAgent=none", "a", "true"});
      host_result ours = run_one("true");
      bool holds = wanted && one.holds;
      EXPECT_EQ(by_ssh.code == 0, holds) << one.lines << by_ssh.err;
      EXPECT_EQ(ours.ok(), holds) << one.lines << ours.describe();
      if (holds) continue;
      EXPECT_THAT(by_ssh.err, HasSubstr("Host key verification failed")) << one.lines;
      EXPECT_EQ(ours.how(), end_reason::host_key_rejected) << one.lines << ours.describe();
    }
  }
}

TEST_F(ssh_config_connection, gives_the_command_the_variables_that_the_server_takes) {
  ASSERT_EQ(::setenv("EXECO_TEST_SENT", "from here", 1), 0);
  write(
      "HostName 127.0.1.1\nSendEnv EXECO_TEST_*\n"
      "SetEnv EXECO_TEST_SET=set NOT_TAKEN=no EXECO_TEST_ALSO=also\n");
  host_result r = run_one("echo $EXECO_TEST_SENT,$EXECO_TEST_SET,$NOT_TAKEN,$EXECO_TEST_ALSO");
  ASSERT_EQ(::unsetenv("EXECO_TEST_SENT"), 0);
  EXPECT_EQ(r.out, "from here,set,,also\n") << r.describe();
}

TEST_F(ssh_config_connection, is_encrypted_as_the_file_says) {
  start("LogLevel DEBUG2\nCiphers aes128-ctr,aes256-ctr,aes256-cbc\nCompression yes\n");
  write(
      "HostName 127.0.1.1\nCiphers -aes128*\nMACs hmac-sha2-512\nCompression yes\n"
      "KexAlgorithms ^ecdh-sha2-nistp384\n");
  ASSERT_TRUE(run_one("true").ok());
  std::string log = server_->log();
  EXPECT_THAT(log, HasSubstr("kex: algorithm: ecdh-sha2-nistp384"));
  EXPECT_THAT(log, HasSubstr("client->server cipher: aes256-ctr MAC: hmac-sha2-512 compression: "
                             "zlib@openssh.com"));
  write("HostName 127.0.1.1\nCiphers +aes256-cbc,-aes128-ctr\n");
  EXPECT_TRUE(run_one("true").ok());
}

TEST_F(ssh_config_connection, says_which_algorithms_libssh_does_not_know) {
  write("HostName 127.0.1.1\nKexAlgorithms sntrup761x25519-sha512@openssh.com\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::protocol_error);
  EXPECT_EQ(r.phase(), phase::kex);
  EXPECT_THAT(r.error_context(), HasSubstr("none of the algorithms for key exchange"));
}

TEST_F(ssh_config_connection, comes_from_the_address_that_the_file_binds) {
  write("HostName 127.0.1.1\nBindAddress 127.0.9.9\n");
  EXPECT_THAT(run_one("echo $SSH_CONNECTION").out, HasSubstr("127.0.9.9 "));
  write("HostName 127.0.1.1\nBindAddress 192.0.2.1\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_EQ(r.error(), std::errc::address_not_available);
}

TEST_F(ssh_config_connection, has_an_address_of_the_family_that_the_file_allows) {
  write("HostName 127.0.1.1\nAddressFamily inet6\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_THAT(r.error_context(), HasSubstr("AddressFamily"));
}

TEST_F(ssh_config_connection, that_is_refused_is_tried_again_as_often_as_the_file_says) {
  write("HostName 127.0.1.1\nConnectionAttempts 2\nPort 1\n");
  auto begun = std::chrono::steady_clock::now();
  host_result r = run_one("true");
  EXPECT_EQ(r.error(), std::errc::connection_refused);
  // A second apart.
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 1s);
}

TEST_F(ssh_config_connection, has_the_time_of_the_file) {
  write("HostName 127.0.1.1\nConnectTimeout 1\nConnectionAttempts 100\nPort 1\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::timed_out);
  EXPECT_EQ(r.phase(), phase::connect);
}

TEST_F(ssh_config_connection, of_one_host_fails_alone_when_its_lines_cannot_be_meant) {
  write("HostName 127.0.1.1\nHost b\nIdentityFile ~no-user-of-this-name/key\n");
  action_result all = run({host("a"), host("b")}, "true");
  EXPECT_TRUE(all.all()[0].ok()) << all.all()[0].describe();
  EXPECT_EQ(all.all()[1].how(), end_reason::connect_failed);
  EXPECT_THAT(all.all()[1].error_context(), HasSubstr("b: identityfile"));
}

TEST_F(ssh_config_connection, is_made_by_ssh_where_the_file_asks_for_what_only_that_can_do) {
  write("Host a\nHostName 127.0.6.6\nForwardAgent yes\n");
  host_result r = run_one("echo $SSH_CONNECTION");
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_THAT(r.out, HasSubstr("127.0.6.6"));
  EXPECT_EQ(r.transport(), transport_kind::openssh);
  EXPECT_EQ(r.transport_why(), "a: forwardagent of ssh_config needs the ssh program");
  ssh_options by_libssh;
  by_libssh.via = ssh_client::built_in;
  r = run_one("true", by_libssh);
  EXPECT_EQ(r.how(), end_reason::unsupported);
  EXPECT_THAT(r.error_context(), HasSubstr("forwardagent of ssh_config needs the ssh program"));
}

TEST_F(ssh_config_connection, is_not_tried_by_ssh_when_the_server_has_no_other_method) {
  start("HostbasedAuthentication no\n");
  std::ofstream(file("authorized_keys")) << "";
  write("Host a\nHostName 127.0.6.6\nGSSAPIAuthentication yes\nHostbasedAuthentication yes\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_EQ(r.transport(), transport_kind::ssh) << r.transport_why();
}

TEST_F(ssh_config_connection, is_tried_by_ssh_where_the_server_takes_tickets) {
  start("GSSAPIAuthentication yes\n");
  std::ofstream(file("authorized_keys")) << "";
  // Without a key there is nothing that the server would answer with its methods.
  for (const char* keys : {"yes", "no"}) {
    write("Host a\nHostName 127.0.6.6\nGSSAPIAuthentication yes\nPubkeyAuthentication " +
          std::string(keys) + "\n");
    host_result r = run_one("true");
    EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
    EXPECT_EQ(r.transport(), transport_kind::openssh) << keys;
    EXPECT_THAT(r.transport_why(), HasSubstr("gssapi-with-mic")) << keys;
  }
}

TEST_F(ssh_config_connection, is_made_where_the_server_wants_nothing) {
  server_ = std::make_unique<sshd_fixture>(
      "PasswordAuthentication yes\nPermitEmptyPasswords yes\n", ssh_server::openssh,
      std::map<std::string, std::string>{
          {"passwd", "execo-open:x:54412:54412::/:/bin/sh\n"},
          {"shadow", "root:*:19000::::::\nexeco-open::19000::::::\n"}});
  if (server_->ordinary_user().empty()) GTEST_SKIP() << "no users of our own";
  std::ofstream(file("known_hosts"))
      << "[127.*]:" << server_->port() << " " << server_->host_key() << "\n";
  write("Host a\nHostName 127.0.6.6\nUser execo-open\nPubkeyAuthentication no\n");
  host_result r = run_one("id -u");
  EXPECT_TRUE(r.ok()) << r.describe() << server_->log();
  EXPECT_EQ(r.out, "54412\n");
}

// libssh signs for no host; ssh does so by a program of its own, with this host's keys and
// /etc/ssh/ssh_config: they are files of ours in a mount namespace.
TEST_F(ssh_config_connection, is_made_by_ssh_where_the_server_takes_the_word_of_this_host) {
  if (::geteuid() != 0 || run_program({"unshare", "-m", "true"}).code != 0)
    GTEST_SKIP() << "no mount namespaces: those take root";
  scratch_directory here;
  const std::string key = here.path() + "/ssh_host_ed25519_key";
  ASSERT_EQ(run_program({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key}).code,
            0);
  std::ofstream(here.path() + "/ssh_config") << "EnableSSHKeysign yes\n";
  char name[256] = {};
  ASSERT_EQ(::gethostname(name, sizeof name - 1), 0);
  std::string type, blob;
  std::ifstream(key + ".pub") >> type >> blob;
  server_ = std::make_unique<sshd_fixture>(
      "HostbasedAuthentication yes\nHostbasedUsesNameFromPacketOnly yes\nIgnoreRhosts no\n",
      ssh_server::openssh,
      std::map<std::string, std::string>{
          {"ssh/ssh_known_hosts",
           "localhost," + std::string(name) + " " + type + " " + blob + "\n"}});
  if (server_->ordinary_user().empty()) GTEST_SKIP() << "no users of our own";
  std::ofstream(file("authorized_keys")) << "";
  std::ofstream(file("home/.shosts")) << "localhost root\n" << name << " root\n";
  std::ofstream(file("known_hosts"))
      << "[127.*]:" << server_->port() << " " << server_->host_key() << "\n";
  write("Host a\nHostName 127.0.6.6\nHostbasedAuthentication yes\nUser " +
        server_->ordinary_user() + "\n");
  outcome o = run_program({"unshare", "-m", "sh", "-c", "mount --bind $0 /etc/ssh && exec \"$@\"",
                           here.path(), EXECO_TOOL, "run", "-F", file("ssh_config"), "--format",
                           "ndjson", "-w", "a", "--", "id -un"});
  EXPECT_EQ(o.code, 0) << o.out << o.err << server_->log();
  EXPECT_THAT(o.out, HasSubstr("\"out\":\"" + server_->ordinary_user() + "\\n\""));
  EXPECT_THAT(o.out, HasSubstr("\"transport\":\"openssh\""));
  EXPECT_THAT(o.out, HasSubstr("hostbased"));
}

TEST_F(ssh_config_connection, depends_on_what_the_commands_of_the_file_answer) {
  write(
      "Match exec \"test %n = a\"\nHostName 127.0.6.6\nMatch exec \"test %h = 127.0.6.6\"\n"
      "SetEnv EXECO_TEST_X=both\nMatch all\nHostName 127.0.6.7\n");
  action_result all = run({host("a"), host("b")}, "echo $SSH_CONNECTION $EXECO_TEST_X");
  ASSERT_TRUE(all.ok()) << all.describe();
  EXPECT_THAT(all.all()[0].out, HasSubstr("127.0.6.6"));
  EXPECT_THAT(all.all()[0].out, HasSubstr("both"));
  EXPECT_THAT(all.all()[1].out, HasSubstr("127.0.6.7"));
  EXPECT_THAT(all.all()[1].out, Not(HasSubstr("both")));
  EXPECT_EQ(all.all()[0].transport(), transport_kind::ssh);
}

TEST_F(ssh_config_connection, runs_each_command_of_the_file_once_and_eight_at_a_time) {
  ASSERT_TRUE(std::filesystem::create_directory(file("now")));
  std::ofstream(file("script")) << "cd " << server_->directory()
                                << "\ntouch now/$1\nls now | wc -l >> counts\nsleep 0.03\n"
                                << "rm now/$1\necho $1 >> asked\n";
  write("Match exec \"sh " + file("script") +
        " %n\"\nHostName 127.0.6.6\nMatch exec \"echo same >> " + file("asked") +
        "\"\nMatch all\nHostName 127.0.6.6\n");
  std::vector<host> hosts;
  for (int i = 0; i < 40; ++i) hosts.emplace_back("n" + std::to_string(i));
  action_result all = run(hosts, "true");
  EXPECT_TRUE(all.ok()) << all.describe();
  std::multiset<std::string> asked;
  std::ifstream lines(file("asked"));
  for (std::string line; std::getline(lines, line);) asked.insert(line);
  EXPECT_EQ(asked.size(), 41U);
  EXPECT_EQ(asked.count("same"), 1U);
  std::ifstream counts(file("counts"));
  int most = 0, now = 0;
  while (counts >> now) most = std::max(most, now);
  EXPECT_LE(most, 8);
  EXPECT_GE(most, 2);
}

TEST_F(ssh_config_connection, that_waits_for_a_command_of_the_file_can_be_given_up) {
  write("Match exec \"echo $$ > " + file("pid") + "; exec sleep 1000\"\nHostName 127.0.6.6\n");
  ssh_options options;
  options.config_file = file("ssh_config");
  remote r("true", host_set("a[1-20]"));
  r.ssh(options);
  auto stop = [&]() -> task<void> {
    r.start();
    // The shell makes the file before it writes into it.
    std::error_code missing;
    while (std::filesystem::file_size(file("pid"), missing) == 0 || missing) co_await sleep(1ms);
    r.request_stop();
    action_result all = co_await r.run();
    for (const host_result& each : all.all()) {
      bool ended = each.how() == end_reason::cancelled || each.how() == end_reason::not_started;
      EXPECT_TRUE(ended) << each.describe();
      EXPECT_EQ(each.started_command(), certainty::no);
    }
  };
  sync_wait(stop());
  pid_t left = 0;
  std::ifstream(file("pid")) >> left;
  ASSERT_GT(left, 0);
  EXPECT_NE(::kill(left, 0), 0);
}

TEST_F(ssh_config_connection, leads_over_hops_that_commands_of_the_file_choose) {
  write(
      "Match host gate exec \"exit 0\"\nHostName 127.0.8.8\nHostKeyAlias gate\nHost a\n"
      "HostName 127.0.7.7\nProxyJump gate\n");
  std::ofstream(file("known_hosts"), std::ios::app) << "gate " << server_->host_key() << "\n";
  host_result r = run_one("echo $SSH_CONNECTION");
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.transport(), transport_kind::ssh);
  EXPECT_THAT(r.out, HasSubstr("127.0.7.7"));
}

TEST_F(ssh_config_connection, leads_over_the_hosts_that_the_file_names) {
  // Each hop has lines of its own.
  write(
      "Host gate\nHostName 127.0.8.8\nHostKeyAlias gate\nProxyJump first\nHost first\n"
      "HostName 127.0.8.7\nHost a\nHostName 127.0.7.7\nProxyJump gate\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::host_key_rejected);
  EXPECT_THAT(r.error_context(), HasSubstr("gate: host key"));
  std::ofstream(file("known_hosts"), std::ios::app) << "gate " << server_->host_key() << "\n";
  r = run_one("echo $SSH_CONNECTION");
  EXPECT_TRUE(r.ok()) << r.describe();
  EXPECT_EQ(r.transport(), transport_kind::ssh);
  // The gate is the client of the host.
  EXPECT_THAT(r.out, HasSubstr(" 127.0.7.7 "));
}

TEST_F(ssh_config_connection, that_leads_to_itself_is_refused) {
  write("HostName 127.0.7.7\nProxyJump a\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_THAT(r.error_context(), HasSubstr("127.0.7.7 -> 127.0.7.7")) << r.describe();
}

TEST_F(ssh_config_connection, leads_through_the_program_that_the_file_names) {
  write("HostName 127.0.7.7\nProxyCommand echo hello >&2; exit 7\n");
  host_result r = run_one("true");
  EXPECT_EQ(r.how(), end_reason::connect_failed);
  EXPECT_THAT(r.error_context(), HasSubstr("hello")) << r.describe();
}

TEST_F(ssh_config_connection, is_not_made_where_the_file_is_wrong) {
  std::ofstream(file("ssh_config")) << "Port x\n";
  try {
    run_one("true");
    ADD_FAILURE() << "a wrong file was taken";
  } catch (const std::invalid_argument& error) {
    EXPECT_THAT(error.what(), HasSubstr("ssh_config:1: port 'x'"));
  }
}

TEST_F(ssh_config_connection, uses_no_file_where_none_is_wanted) {
  ssh_options options;
  options.identities = {server_->identity()};
  options.port = server_->port();
  options.known_hosts = file("known_hosts");
  options.config_file = "none";
  options.config_lines = {"HostName=127.0.4.4"};
  remote r("echo $SSH_CONNECTION", host("a"));
  r.ssh(options);
  host_result one = sync_wait(std::move(r)).all()[0];
  EXPECT_THAT(one.out, HasSubstr("127.0.4.4")) << one.describe();
}

}  // namespace
}  // namespace execo::test
