// A server that stalls in one phase: the run ends as timed_out in that phase, soon after its limit,
// on both clients, directly and through a hop.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>

#include "base/fd.hpp"
#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "fake_peer.hpp"
#include "fleet_fixture.hpp"
#include "program.hpp"
#include "recorded_run.hpp"
#include "sanitizers.hpp"
#include "sshd_fixture.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

constexpr auto limit = 700ms;
// A sanitizer and a busy machine need theirs.
constexpr auto slack = address_sanitizer || thread_sanitizer ? 20s : 2s;

class stalled_phase : public testing::TestWithParam<std::tuple<phase, ssh_client, bool>> {
 protected:
  phase where() const { return std::get<0>(GetParam()); }
  bool by_program() const { return std::get<1>(GetParam()) == ssh_client::openssh; }
  bool through_hop() const { return std::get<2>(GetParam()); }
  // The program does not say whether its hop has a connection.
  phase expected() const {
    return where() == phase::kex && by_program() && through_hop() ? phase::connect : where();
  }

  void SetUp() override {
    if (!sshd_fixture::available()) GTEST_SKIP() << "no sshd on this machine";
    server_ = std::make_unique<sshd_fixture>(config(), ssh_server::openssh, files());
    if (!needs_root().empty() && server_->ordinary_user().empty()) GTEST_SKIP() << needs_root();
    if (through_hop()) hop_ = std::make_unique<sshd_fixture>();
    port_ = server_->port();
    if (where() == phase::connect) {
      address_ = "127.9.8.6";
      silent_.emplace(address_.c_str());
      port_ = silent_->port();
    } else if (where() == phase::kex) {
      mute_.emplace();
      port_ = mute_->port();
    }
  }

  std::string needs_root() const {
    return where() == phase::auth || where() == phase::open
               ? "files of our own for a server: that takes root"
               : "";
  }
  std::string config() const {
    if (where() == phase::auth)
      return "AuthorizedKeysCommand /bin/sleep 1000\nAuthorizedKeysCommandUser root\n"
             "AuthorizedKeysFile none\n";
    return where() == phase::open ? "UsePAM yes\n" : "";
  }
  std::map<std::string, std::string> files() const {
    return {{"pam.d/sshd",
             "auth required pam_permit.so\naccount required pam_permit.so\n"
             "session required pam_exec.so /bin/sleep 1000\n"}};
  }

  remote action() const {
    ssh_options how = options_for(*server_);
    how.via = std::get<1>(GetParam());
    how.agent = "none";
    how.port = port_;
    how.max_retries = 0;
    how.limits.establish = 1min;
    if (through_hop()) {
      how.identities.emplace_back(hop_->identity());
      how.jump = {hop_->user() + "@127.8.0.1:" + std::to_string(hop_->port())};
    }
    remote r("exec sleep 1000", host(address_));
    r.kill_timeout(100ms);
    switch (expected()) {
      case phase::connect:
        // Through a hop the way to it is a part of it.
        how.limits.connect = through_hop() ? limit + slack : limit;
        break;
      case phase::kex:
        how.limits.kex = limit;
        break;
      case phase::auth:
        how.limits.auth = limit;
        break;
      case phase::open:
        how.limits.open = limit;
        break;
      case phase::first_output:
        r.first_output_timeout(limit);
        break;
      case phase::idle:
        r.idle_timeout(limit);
        break;
      default:
        r.total_timeout(limit + slack);
        break;
    }
    r.ssh(std::move(how));
    return r;
  }

  std::unique_ptr<sshd_fixture> server_;
  std::unique_ptr<sshd_fixture> hop_;
  std::optional<silent_address> silent_;
  std::optional<fake_peer> mute_;
  std::string address_ = "127.1.0.1";
  int port_ = 0;
};

TEST_P(stalled_phase, is_the_one_in_which_the_run_is_timed_out_soon_after_its_limit) {
  host_result r = sync_wait(action()).all().at(0);
  EXPECT_EQ(r.how(), end_reason::timed_out) << r.describe();
  EXPECT_EQ(r.phase(), expected()) << r.describe();
  EXPECT_GE(r.elapsed(), limit) << r.describe();
  auto before = where() < phase::run && !through_hop() ? 0s : slack;
  EXPECT_LT(r.elapsed(), limit + before + slack) << r.describe();
  EXPECT_FALSE(r.may_still_run()) << r.describe();
  if (r.phase() < phase::run) {
    EXPECT_EQ(r.started_command(), certainty::no) << r.describe();
  }
  // What sshd itself waits for is not a command of ours.
  if (r.phase() > phase::run) {
    EXPECT_TRUE(server_->no_commands_left());
  }
}

INSTANTIATE_TEST_SUITE_P(
    of, stalled_phase,
    testing::Combine(testing::Values(phase::connect, phase::kex, phase::auth, phase::open,
                                     phase::first_output, phase::idle, phase::total),
                     testing::Values(ssh_client::built_in, ssh_client::openssh), testing::Bool()),
    [](const auto& which) {
      std::string name(to_string(std::get<0>(which.param)));
      name += std::get<1>(which.param) == ssh_client::openssh ? "_openssh" : "_libssh";
      return name + (std::get<2>(which.param) ? "_through_a_hop" : "_direct");
    });

// Names are looked up by the C library, which asks a name server that does not answer. Behind a hop
// they are looked up by the hop.
class stalled_name : public testing::TestWithParam<const char*> {
 protected:
  stalled_name() {
    // One for each of these tests, which run side by side.
    std::string address = GetParam() == std::string("libssh") ? "127.9.9.53" : "127.9.9.54";
    sockaddr_in at = fake_peer::endpoint_of(address.c_str(), 53);
    socket_ = detail::unique_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    bound_ = ::bind(socket_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    std::ofstream(folder_.path() + "/resolv.conf") << "nameserver " << address << "\n";
    std::ofstream(folder_.path() + "/nsswitch.conf") << "hosts: dns\n";
  }
  scratch_directory folder_;
  detail::unique_fd socket_;
  bool bound_ = false;
};

TEST_P(stalled_name, is_timed_out_in_resolve) {
  if (!bound_ || ::geteuid() != 0) GTEST_SKIP() << "no name server of our own: that takes root";
  std::string script =
      "mount --bind $0/resolv.conf /etc/resolv.conf && mount --bind $0/nsswitch.conf "
      "/etc/nsswitch.conf || exit 99; exec \"$@\"";
  auto begun = std::chrono::steady_clock::now();
  outcome o = run_program({"unshare",  "-m",    "sh",       "-c",     script,  folder_.path(),
                           EXECO_TOOL, "run",   "-F",       "none",   "--via", GetParam(),
                           "-t",       "700ms", "--format", "ndjson", "-w",    "node1.example",
                           "--",       "true"});
  if (o.code == 99) GTEST_SKIP() << "no mount namespaces here";
  EXPECT_EQ(o.code, 4) << o.err;
  // The program does not wait for the answer either.
  EXPECT_LT(std::chrono::steady_clock::now() - begun, limit + slack);
  auto told = nlohmann::json::parse(o.out, nullptr, false);
  ASSERT_TRUE(told.is_object()) << o.out << o.err;
  EXPECT_EQ(told["end"], "timed_out");
  EXPECT_EQ(told["phase"], "resolve");
  EXPECT_GE(told["elapsed"].get<double>(), 0.7);
  EXPECT_LT(told["elapsed"].get<double>(), std::chrono::duration<double>(limit + slack).count());
}

INSTANTIATE_TEST_SUITE_P(of, stalled_name, testing::Values("libssh", "openssh"),
                         [](const auto& which) { return std::string(which.param); });

}  // namespace
}  // namespace execo::test
