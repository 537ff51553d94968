// Twelve causes of failure: the library, the tool's JSON and its exit status report each of them
// differently, with both ssh clients, directly and through a hop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "fake_peer.hpp"
#include "fleet_fixture.hpp"
#include "program.hpp"
#include "recorded_run.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* where = "127.1.0.1";
constexpr const char* hop = "127.8.0.1";
constexpr const char* limit = "2s";
// "correct horse"
constexpr const char* hash =
    "$6$execo$C5zpTWchJ37ksbc68stOVlrwKPY76kBGKtIwHXXs7SeBSPxGjXPYdjlR5xYrzSkM."
    "54HgBjfJ7MU8ORPzA4xy1";

enum class cause : std::uint8_t {
  refused,
  dropped,
  no_banner,
  no_common_algorithm,
  host_key_changed,
  host_key_revoked,
  wrong_key,
  wrong_password,
  password_change,
  max_startups,
  no_such_shell,
  exit_255,
};

constexpr std::array<const char*, 12> names{
    "refused",       "dropped",      "no_banner",     "no_common_algorithm",
    "changed_key",   "revoked_key",  "wrong_key",     "wrong_password",
    "forced_change", "max_startups", "no_such_shell", "exit_255"};

class expected_end {
 public:
  end_reason how = end_reason::connect_failed;
  phase in = phase::connect;
  failure_reason why = failure_reason::none;
  int code = 3;  // of the tool
};

class causes : public testing::TestWithParam<std::tuple<cause, ssh_client, bool>> {
 protected:
  cause of() const { return std::get<0>(GetParam()); }
  bool by_program() const { return std::get<1>(GetParam()) == ssh_client::openssh; }
  bool through_hop() const { return std::get<2>(GetParam()); }

  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    std::map<std::string, std::string> etc{
        {"passwd",
         "execo-late:x:54410:54410::/:/bin/sh\nexeco-shell:x:54411:54411::/:/no/such/shell\n"},
        {"pam.d/sshd",
         "auth required pam_unix.so\naccount required pam_unix.so\n"
         "password required pam_unix.so\nsession required pam_permit.so\n"},
        {"shadow", "root:*:19000::::::\nexeco-test:" + std::string(hash) +
                       ":19000::::::\nexeco-late:" + hash +
                       ":0::::::\nexeco-shell:*:19000::::::\n"}};
    server_ = std::make_unique<sshd_fixture>(config(), ssh_server::openssh, etc);
    if (server_->ordinary_user().empty()) GTEST_SKIP() << "no users of our own: that takes root";
    hop_ = std::make_unique<sshd_fixture>();
    prepare();
  }

  std::string config() const {
    switch (of()) {
      case cause::no_common_algorithm:
        return "KexAlgorithms diffie-hellman-group18-sha512\n";
      case cause::wrong_password:
        return "PasswordAuthentication yes\nPubkeyAuthentication no\n";
      case cause::password_change:
        return "UsePAM yes\n";
      case cause::max_startups:
        return "MaxStartups 1:100:1\n";
      default:
        return {};
    }
  }

  std::string user() const {
    if (of() == cause::password_change) return "execo-late";
    return of() == cause::no_such_shell ? "execo-shell" : server_->ordinary_user();
  }

  // What the server of the cause is, and how it is to be reached.
  void prepare() {
    port_ = server_->port();
    identities_ = {server_->identity(), hop_->identity()};
    std::string key = server_->host_key();
    std::string mark;
    switch (of()) {
      case cause::refused:
        port_ = 1;
        break;
      case cause::dropped:
        address_ = "127.9.8.7";
        silent_.emplace(address_.c_str());
        port_ = silent_->port();
        break;
      case cause::no_banner:
        mute_.emplace();
        port_ = mute_->port();
        break;
      case cause::host_key_changed:
        key = hop_->host_key();
        break;
      case cause::host_key_revoked:
        mark = "@revoked ";
        break;
      case cause::wrong_key:
        identities_ = {hop_->identity()};
        break;
      case cause::max_startups:
        occupy();
        break;
      default:
        break;
    }
    std::ofstream known(known_hosts());
    known << mark << "[" << where << "]:" << server_->port() << " " << key << "\n";
    known << "[" << hop << "]:" << hop_->port() << " " << hop_->host_key() << "\n";
  }

  // A connection that says nothing takes the only place for one that has not logged in. The server
  // may still count the one that has shown that it answers.
  void occupy() {
    do {
      busy_.emplace(where, server_->port());
    } while (busy_->first_bytes(4) != "SSH-");
  }

  std::string known_hosts() const { return folder_.path() + "/known_hosts"; }
  std::string way_there() const {
    return hop_->user() + "@" + hop + ":" + std::to_string(hop_->port());
  }
  std::string text() const { return of() == cause::exit_255 ? "exit 255" : "true"; }

  host_result run() const { return sync_wait(action()).all().at(0); }

  remote action() const {
    ssh_options how;
    how.config_file = "none";
    how.config_lines = {"KexAlgorithms curve25519-sha256"};
    how.agent = "none";
    how.port = port_;
    how.user = user();
    for (const std::string& file : identities_) how.identities.emplace_back(file);
    how.known_hosts = known_hosts();
    how.via = std::get<1>(GetParam());
    how.max_retries = 0;
    how.limits.establish = 2s;
    if (through_hop()) how.jump = {way_there()};
    if (of() == cause::wrong_password)
      how.password = secret_prompt([](const std::string&) { return secret("incorrect horse"); });
    return remote(text(), host(address_)).ssh(how);
  }

  outcome run_tool() const {
    std::vector<std::string> words{"sh",
                                   "-c",
                                   "exec 3<$0; exec \"$@\"",
                                   password_file(),
                                   EXECO_TOOL,
                                   "run",
                                   "--format",
                                   "ndjson",
                                   "-F",
                                   "none",
                                   "-o",
                                   "KexAlgorithms=curve25519-sha256",
                                   "-o",
                                   "IdentityAgent=none",
                                   "-p",
                                   std::to_string(port_),
                                   "-l",
                                   user(),
                                   "--known-hosts",
                                   known_hosts(),
                                   "--via",
                                   by_program() ? "openssh" : "libssh",
                                   "--retry",
                                   "0",
                                   "-t",
                                   limit,
                                   "-w",
                                   address_};
    for (const std::string& file : identities_) words.insert(words.end(), {"-i", file});
    if (through_hop()) words.insert(words.end(), {"-J", way_there()});
    if (of() == cause::wrong_password) words.insert(words.end(), {"--password-fd", "3"});
    words.insert(words.end(), {"--", text()});
    return run_program(words);
  }
  std::string password_file() const {
    std::string file = folder_.path() + "/password";
    std::ofstream(file) << "incorrect horse\n";
    return file;
  }

  expected_end expected() const;

  scratch_directory folder_;
  std::unique_ptr<sshd_fixture> server_;
  std::unique_ptr<sshd_fixture> hop_;
  std::optional<silent_address> silent_;
  std::optional<fake_peer> mute_;
  std::optional<silent_client> busy_;
  std::vector<std::string> identities_;
  std::string address_ = where;
  int port_ = 0;
};

expected_end causes::expected() const {
  using enum end_reason;
  switch (of()) {
    case cause::refused:
      return {connect_failed, phase::connect, failure_reason::refused, 3};
    case cause::dropped:
      return {timed_out, phase::connect, failure_reason::dropped, 4};
    case cause::no_banner:
      // The program does not say whether the hop has a connection.
      if (by_program() && through_hop())
        return {timed_out, phase::connect, failure_reason::dropped, 4};
      return {timed_out, phase::kex, failure_reason::no_banner, 4};
    case cause::no_common_algorithm:
      return {connect_failed, phase::kex, failure_reason::no_common_algorithm, 3};
    case cause::host_key_changed:
      return {host_key_rejected, phase::kex, failure_reason::host_key_changed, 3};
    case cause::host_key_revoked:
      return {host_key_rejected, phase::kex, failure_reason::host_key_revoked, 3};
    case cause::wrong_key:
    case cause::no_such_shell:
      return {auth_failed, phase::auth, failure_reason::wrong_key, 3};
    case cause::wrong_password:
      return {auth_failed, phase::auth, failure_reason::wrong_password, 3};
    case cause::password_change:
      return {auth_failed, phase::auth, failure_reason::password_change, 3};
    case cause::max_startups:
      return {connect_failed, phase::kex, failure_reason::max_startups, 3};
    case cause::exit_255:
      break;
  }
  return {exited, phase::run, failure_reason::none, 1};
}

TEST_P(causes, are_told_apart_by_end_phase_reason_and_exit_status) {
  expected_end wanted = expected();
  host_result r = run();
  EXPECT_EQ(r.how(), wanted.how) << r.describe();
  EXPECT_EQ(r.phase(), wanted.in) << r.describe();
  EXPECT_EQ(r.reason(), wanted.why) << r.describe();
  EXPECT_EQ(r.status().code().value_or(-1), of() == cause::exit_255 ? 255 : -1) << r.describe();

  outcome o = run_tool();
  EXPECT_EQ(o.code, wanted.code) << o.err;
  auto told = nlohmann::json::parse(o.out, nullptr, false);
  ASSERT_TRUE(told.is_object()) << o.out << o.err;
  EXPECT_EQ(told["end"], to_string(wanted.how)) << o.out;
  EXPECT_EQ(told["phase"], to_string(wanted.in)) << o.out;
  if (wanted.why == failure_reason::none) {
    EXPECT_TRUE(told["reason"].is_null()) << o.out;
  } else {
    EXPECT_EQ(told["reason"], to_string(wanted.why)) << o.out;
  }
  EXPECT_EQ(told["transport"], by_program() ? "openssh" : "libssh");
}

class forced_change : public causes {};

// In a terminal sshd runs passwd, which waits for answers.
TEST_P(forced_change, is_told_when_the_command_was_to_have_a_terminal) {
  remote in_terminal = action();
  in_terminal.pty(24, 80).timeout(1s).kill_timeout(100ms);
  host_result r = sync_wait(in_terminal.run()).all().at(0);
  EXPECT_EQ(r.how(), end_reason::auth_failed) << r.describe();
  EXPECT_EQ(r.phase(), phase::auth) << r.describe();
  EXPECT_EQ(r.reason(), failure_reason::password_change) << r.describe();
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  EXPECT_TRUE(server_->no_commands_left());
}

std::vector<cause> all_causes() {
  std::vector<cause> all;
  for (std::size_t i = 0; i < names.size(); ++i) all.push_back(static_cast<cause>(i));
  return all;
}

constexpr auto name_of = [](const auto& which) {
  std::string name = names[static_cast<std::size_t>(std::get<0>(which.param))];
  name += std::get<1>(which.param) == ssh_client::openssh ? "_openssh" : "_libssh";
  return name + (std::get<2>(which.param) ? "_through_a_hop" : "_direct");
};
const auto clients = testing::Values(ssh_client::built_in, ssh_client::openssh);

INSTANTIATE_TEST_SUITE_P(of, causes,
                         testing::Combine(testing::ValuesIn(all_causes()), clients,
                                          testing::Bool()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(of, forced_change,
                         testing::Combine(testing::Values(cause::password_change), clients,
                                          testing::Bool()),
                         name_of);

}  // namespace
}  // namespace execo::test
