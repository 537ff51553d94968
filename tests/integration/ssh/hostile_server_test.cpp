// Servers that break the protocol at every stage: each ends as one failed host, in its time, and
// hinders no other.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "execo/remote.hpp"
#include "execo/sync_wait.hpp"
#include "fleet_fixture.hpp"
#include "hostile_server.hpp"
#include "long_count.hpp"
#include "sanitizers.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

ssh_options options_for(const std::string& identity) {
  ssh_options options;
  options.user = "test";
  options.identities.push_back(identity);
  options.host_key_policy = host_keys::ignore;
  options.limits.establish = 2s;
  options.limits.open = 2s;
  // Not what the files of this machine say: SendEnv is one more request.
  options.config_file = "none";
  return options;
}

class hostile : public ::testing::TestWithParam<std::size_t> {
 protected:
  static void SetUpTestSuite() {
    fleet_ = new fleet_fixture("127.1.0.1");
    identity_ = fleet_->identity();
  }
  static void TearDownTestSuite() {
    delete fleet_;
    fleet_ = nullptr;
  }

  static inline fleet_fixture* fleet_ = nullptr;
  static inline std::string identity_;
};

// A stage has its own ends; the ones of the stages before it are possible, too.
bool is_right_end(const hostile_kind& kind, const result& r) {
  bool in_time = r.how() == end_reason::timed_out;
  bool before = r.how() == end_reason::connect_failed || r.how() == end_reason::protocol_error;
  if (kind.stage <= hostile_stage::kex) return in_time || before;
  if (kind.stage == hostile_stage::auth)
    return in_time || before || r.how() == end_reason::auth_failed;
  bool after = r.how() == end_reason::connection_lost || r.how() == end_reason::status_lost ||
               r.how() == end_reason::signaled || r.how() == end_reason::output_failed;
  return in_time || before || after || (kind.may_exit && r.how() == end_reason::exited);
}

// AddressSanitizer keeps what is freed for a while: 256 MiB of it.
constexpr std::size_t max_memory = std::size_t{address_sanitizer ? 1024 : 512} << 20;

std::size_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6)) * 1024;
  return 0;
}

TEST_P(hostile, ends_as_one_failed_host_in_its_time) {
  const hostile_kind& kind = hostile_kinds()[GetParam()];
  hostile_server server;
  std::vector<host> hosts{
      host(hostile_server::address(GetParam()) + ":" + std::to_string(server.port()))};
  std::size_t before = peak_memory();
  auto begun = std::chrono::steady_clock::now();
  action_result all = sync_wait(remote("true", hosts)
                                    .ssh(options_for(identity_))
                                    .timeout(2s)
                                    .kill_timeout(500ms)
                                    .drain_timeout(1s)
                                    .run());
  auto passed = std::chrono::steady_clock::now() - begun;
  const host_result& r = all.all()[0];
  std::printf("%s: %s\n", kind.name, r.describe().c_str());
  EXPECT_TRUE(is_right_end(kind, r)) << kind.name << ": " << r.describe();
  // The first end of a command is its end.
  if (std::string_view(kind.name) == "status_twice") {
    EXPECT_EQ(r.status().code(), 3) << r.describe();
  }
  EXPECT_LT(passed, 60s);
  EXPECT_LT(peak_memory(), before + max_memory);
}

INSTANTIATE_TEST_SUITE_P(server, hostile, testing::Range<std::size_t>(0, hostile_kinds().size()),
                         [](const auto& kind) {
                           return std::string(hostile_kinds()[kind.param].name);
                         });

TEST(hostile_servers, do_not_hinder_the_good_hosts_beside_them) {
  int good = long_count(800);
  int bad = long_count(200);
  fleet_fixture fleet("127.1.[0-3].[1-200]", {"--exec", "canned"});
  hostile_server server;
  std::vector<host> hosts;
  for (int i = 0; i < std::max(good, bad); ++i) {
    if (i < good)
      hosts.emplace_back("127.1." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) +
                         ":" + std::to_string(fleet.port()));
    std::size_t kind = static_cast<std::size_t>(i) * 7 % hostile_kinds().size();
    std::size_t which = static_cast<std::size_t>(i) / hostile_kinds().size();
    if (i < bad)
      hosts.emplace_back(hostile_server::address(kind, which) + ":" +
                         std::to_string(server.port()));
  }
  std::size_t before = peak_memory();
  action_result all = sync_wait(remote("echo hello from $FLEET_HOST", hosts)
                                    .ssh(options_for(fleet.identity()))
                                    .fanout(128)
                                    .timeout(5s)
                                    .kill_timeout(500ms)
                                    .drain_timeout(1s)
                                    .run());
  int whole = 0;
  for (const host_result& r : all.all()) {
    if (!r.host.name().starts_with("127.1.")) continue;
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_EQ(r.out, "hello from " + r.host.name() + "\n");
    ++whole;
  }
  EXPECT_EQ(whole, good);
  // 128 hosts with 1 MiB of each stream are the most that may be kept.
  EXPECT_LT(peak_memory(), before + max_memory);
}

}  // namespace
}  // namespace execo::test
