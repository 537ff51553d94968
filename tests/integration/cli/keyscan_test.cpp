// `execo keyscan` beside ssh-keyscan: the same servers, the same keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "sshd_fixture.hpp"
#include "support/file_bytes.hpp"
#include "tool.hpp"

namespace execo::test {
namespace {

using testing::HasSubstr;
using words = std::vector<std::string>;

/// Without comments, in order.
words keys_in(const std::string& text) {
  words lines;
  std::istringstream from(text);
  for (std::string line; std::getline(from, line);)
    if (!line.starts_with('#')) lines.push_back(line);
  std::ranges::sort(lines);
  return lines;
}

/// An sshd with a key of each type.
class keyscan : public testing::Test {
 protected:
  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    std::string more;
    for (const char* type : {"rsa", "ecdsa", "ed25519"}) {
      std::string file = folder_.path() + "/" + type;
      ASSERT_EQ(run_program({"ssh-keygen", "-q", "-t", type, "-N", "", "-C", "", "-f", file}).code,
                0);
      more += "HostKey " + file + "\n";
    }
    // Not the fixture's own.
    server_ = std::make_unique<sshd_fixture>(more);
  }
  words scan(const words& more) const {
    words all{EXECO_TOOL, "keyscan", "-F", "none", "-p", std::to_string(server_->port())};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::string known() const { return folder_.path() + "/known"; }
  std::string name(const std::string& host) const {
    return "[" + host + "]:" + std::to_string(server_->port());
  }

  scratch_directory folder_;
  std::unique_ptr<sshd_fixture> server_;
};

TEST_F(keyscan, prints_what_ssh_keyscan_prints) {
  outcome ours = run_program(scan({"127.6.0.[1-3]"}));
  EXPECT_EQ(ours.code, 0) << ours.err;
  outcome theirs = run_program({"ssh-keyscan", "-p", std::to_string(server_->port()), "-t",
                                "rsa,ecdsa,ed25519", "127.6.0.1", "127.6.0.2", "127.6.0.3"});
  EXPECT_EQ(keys_in(ours.out), keys_in(theirs.out));
  EXPECT_EQ(keys_in(ours.out).size(), 9U);
  EXPECT_THAT(ours.err, HasSubstr("3 hosts: 3 ok"));
}

TEST_F(keyscan, shows_the_fingerprints_that_ssh_keygen_shows) {
  outcome ours = run_program(scan({"--types", "ecdsa", "127.6.0.1"}));
  outcome theirs = run_program({"ssh-keygen", "-l", "-f", folder_.path() + "/ecdsa.pub"});
  std::string print = theirs.out.substr(theirs.out.find("SHA256:"));
  print.erase(print.find(' '));
  EXPECT_THAT(ours.out, HasSubstr("# " + print + " " + name("127.6.0.1") + "\n"));
  EXPECT_EQ(keys_in(ours.out).size(), 1U);
}

TEST_F(keyscan, logs_nobody_in) {
  EXPECT_EQ(run_program(scan({"127.6.0.[1-5]"})).code, 0);
  EXPECT_EQ(server_->log().find("Accepted"), std::string::npos);
  EXPECT_EQ(server_->log().find("Failed"), std::string::npos);
}

TEST_F(keyscan, adds_keys_of_hosts_that_are_not_known) {
  outcome first = run_program(scan({"--add", "--known-hosts", known(), "127.6.0.[1-2]"}));
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_THAT(first.out, HasSubstr(name("127.6.0.2") + ": added ssh-rsa SHA256:"));
  EXPECT_THAT(first.err, HasSubstr("6 keys added, 0 known before"));
  words lines = keys_in(file_bytes(known()));
  EXPECT_EQ(lines, keys_in(run_program(scan({"127.6.0.[1-2]"})).out));
  outcome second = run_program(scan({"--add", "--known-hosts", known(), "127.6.0.[1-2]"}));
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_THAT(second.err, HasSubstr("0 keys added, 6 known before"));
  EXPECT_EQ(keys_in(file_bytes(known())), lines);
}

TEST_F(keyscan, never_replaces_a_key_that_is_known) {
  std::string ecdsa = file_bytes(folder_.path() + "/ecdsa.pub");
  std::string other = file_bytes(server_->identity() + ".pub");
  other.erase(other.find_last_not_of(" \n") + 1);
  std::string before = name("127.6.0.1") + " " + other + "\n@revoked " + name("127.6.0.2") + " " +
                       ecdsa.substr(0, ecdsa.find_last_not_of(" \n") + 1) + "\n";
  std::ofstream(known()) << before;
  outcome o = run_program(scan({"--add", "--known-hosts", known(), "127.6.0.[1-2]"}));
  EXPECT_EQ(o.code, 1) << o.err;
  EXPECT_THAT(o.out, HasSubstr(name("127.6.0.1") + ": different ssh-ed25519 SHA256:"));
  EXPECT_THAT(o.out, HasSubstr(name("127.6.0.1") + ": other_type ssh-rsa SHA256:"));
  EXPECT_THAT(o.out, HasSubstr(name("127.6.0.2") + ": revoked ecdsa-sha2-nistp256 SHA256:"));
  EXPECT_THAT(o.err, HasSubstr("2 of the keys differ"));
  EXPECT_EQ(file_bytes(known()).rfind(before, 0), 0U) << file_bytes(known());
  EXPECT_EQ(file_bytes(known()).find(name("127.6.0.1"), 1), std::string::npos);
}

TEST_F(keyscan, tells_of_hosts_that_are_not_reached_and_goes_on) {
  std::string file = folder_.path() + "/config";
  std::ofstream(file) << "Host gone\nHostName 127.6.0.1\nPort 1\nHost *\nHostName 127.6.0.2\nPort "
                      << server_->port() << "\nHostKeyAlias %h-key\n";
  outcome o = run_program({EXECO_TOOL, "keyscan", "-F", file, "gone,there"});
  EXPECT_EQ(o.code, 3) << o.err;
  EXPECT_THAT(o.err, HasSubstr("connect 127.6.0.1:1"));
  EXPECT_EQ(keys_in(o.out).size(), 3U) << o.out;
}

// Its way is found once the command has answered.
TEST_F(keyscan, reaches_hosts_whose_way_a_command_decides) {
  std::string file = folder_.path() + "/config";
  std::ofstream(file) << "Match exec \"sleep 0.1; test %h = a-name-that-is-not-short-at-all\"\n"
                      << "HostName 127.6.0.2\nPort " << server_->port()
                      << "\nHostKeyAlias found\nHost *\nPort 1\n";
  outcome o =
      run_program({EXECO_TOOL, "keyscan", "-F", file, "a-name-that-is-not-short-at-all,127.6.0.3"});
  EXPECT_EQ(o.code, 3) << o.err;
  words keys = keys_in(o.out);
  EXPECT_EQ(keys.size(), 3U) << o.out << o.err;
  for (const std::string& line : keys) EXPECT_EQ(line.rfind("found ", 0), 0U) << line;
  EXPECT_THAT(o.err, HasSubstr("connect 127.6.0.3:1"));
}

TEST_F(keyscan, names_a_host_as_its_alias) {
  outcome o = run_program(scan({"-o", "HostKeyAlias=web", "127.6.0.1"}));
  for (const std::string& line : keys_in(o.out)) EXPECT_EQ(line.rfind("web ", 0), 0U) << line;
}

TEST_F(keyscan, reaches_hosts_behind_another_one) {
  std::string file = folder_.path() + "/config";
  std::ofstream(file) << "Host hop\nHostName 127.6.0.9\nPort " << server_->port() << "\nUser "
                      << server_->user() << "\nIdentityFile " << server_->identity()
                      << "\nHostKeyAlias hop\nUserKnownHostsFile " << known() << "\n";
  std::ofstream(known()) << "hop " << file_bytes(folder_.path() + "/ed25519.pub");
  words all{EXECO_TOOL, "keyscan", "-F",           file, "-p", std::to_string(server_->port()),
            "-J",       "hop",     "127.6.0.[1-3]"};
  outcome o = run_program(all);
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(keys_in(o.out).size(), 9U) << o.out << o.err;
  // The hop itself is not scanned: its key has to be known.
  std::ofstream(known()) << "";
  o = run_program(all);
  EXPECT_EQ(o.code, 3) << o.out;
  EXPECT_THAT(o.err, HasSubstr("hop: host key SHA256:"));
}

TEST(execo_keyscan, asks_a_thousand_hosts) {
  fleet_fixture fleet("127.1.[0-3].[1-250]");
  outcome o = run_program({EXECO_TOOL, "keyscan", "-F", "none", "-p", std::to_string(fleet.port()),
                           "--types", "ed25519", "127.1.[0-3].[1-250]"});
  EXPECT_EQ(o.code, 0) << o.err;
  words lines = keys_in(o.out);
  ASSERT_EQ(lines.size(), 1000U);
  std::string end = " " + fleet.host_key();
  for (const std::string& line : lines) EXPECT_TRUE(line.ends_with(end)) << line;
}

TEST(execo_keyscan, is_content_with_the_types_that_a_server_has) {
  fleet_fixture fleet("127.1.0.[1-50]");
  words all{EXECO_TOOL,      "keyscan", "-F", "none", "-p", std::to_string(fleet.port()),
            "127.1.0.[1-50]"};
  outcome all_types = run_program(all);
  EXPECT_EQ(all_types.code, 0) << all_types.err;
  EXPECT_EQ(keys_in(all_types.out).size(), 50U);
  all.insert(all.end(), {"--types", "rsa"});
  outcome o = run_program(all);
  EXPECT_EQ(o.code, 3) << o.out;
  EXPECT_THAT(o.err, HasSubstr("50 hosts: 0 ok, 50 failed (50 connect_failed)"));
}

TEST(execo_keyscan, refuses_what_it_cannot_do) {
  auto code = [](const words& more) {
    words all{EXECO_TOOL, "keyscan"};
    all.insert(all.end(), more.begin(), more.end());
    return run_program(all).code;
  };
  EXPECT_EQ(code({}), 2);
  EXPECT_EQ(code({"--types", "dsa", "n1"}), 2);
  EXPECT_EQ(code({"--types", "", "n1"}), 2);
  EXPECT_EQ(code({"--known-hosts", "/etc", "--add", "n1"}), 2);
  EXPECT_EQ(code({"--help"}), 0);
}

}  // namespace
}  // namespace execo::test
