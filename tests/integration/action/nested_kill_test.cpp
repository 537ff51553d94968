// Actions of actions over ssh that are killed at any moment, in a program with few descriptors.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <execo/execo.hpp>
#include <random>
#include <sstream>
#include <string>

#include "fleet_fixture.hpp"
#include "long_count.hpp"
#include "program.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

constexpr const char* all_hosts = "127.6.0.[1-30]";
// Of the test's second run: the way to the fleet, as `how_to_reach` reads it.
constexpr const char* fleet_variable = "EXECO_TEST_FLEET";

ssh_options how_to_reach() {
  std::istringstream words(std::getenv(fleet_variable));
  ssh_options how;
  how.config_file = "none";  // not what the files of this machine say
  how.identities.emplace_back();
  words >> how.port >> how.identities[0] >> how.known_hosts;
  return how;
}

/// Three steps on the same ten hosts; the last one goes on until it is ended.
sequential steps_on(const char* hosts, const ssh_options& how) {
  auto step = [&](const char* text) {
    return remote(text, hosts).ssh(how).fanout(8).kill_timeout(2s);
  };
  return sequential(step("true"), step("echo $FLEET_HOST; sleep 0.01"), step("exec sleep 60"));
}

task<bool> killed_soon(parallel all, std::mt19937& dice) {
  constexpr std::array signals{SIGTERM, SIGINT, SIGKILL};
  const auto delay = std::chrono::microseconds(dice() % 60'000);
  const int signal = signals[dice() % signals.size()];
  const bool by_stop = dice() % 4 == 0;
  all.start();
  co_await sleep(delay);
  if (by_stop) {
    all.request_stop();
  } else {
    all.kill(signal);
  }
  auto end = co_await all.wait_for(1min);
  EXPECT_TRUE(end) << "it does not end";
  if (!end) co_return false;
  EXPECT_EQ(end->stats().done, 90U);
  EXPECT_EQ(end->all().size(), 90U);
  EXPECT_EQ(all.stats().running, 0U);
  co_return true;
}

void kill_many_times() {
  const ssh_options how = how_to_reach();
  std::mt19937 dice(20);
  context mine;
  const int rounds = long_count(1'000);
  for (int round = 0; round < rounds && !::testing::Test::HasFailure(); ++round) {
    SCOPED_TRACE(round);
    parallel all(steps_on("127.6.0.[1-10]", how), steps_on("127.6.0.[11-20]", how),
                 steps_on("127.6.0.[21-30]", how));
    ASSERT_TRUE(sync_wait(mine, killed_soon(std::move(all), dice)));
  }
}

// The fleet has its descriptors; this test runs itself again with few.
TEST(nested_actions, killed_at_any_moment_have_an_end_for_every_host_and_leave_no_process) {
  if (std::getenv(fleet_variable) != nullptr) return kill_many_times();
  fleet_fixture fleet(all_hosts);
  const std::string reach = std::string(fleet_variable) + "=" + std::to_string(fleet.port()) + " " +
                            fleet.identity() + " " + fleet.known_hosts();
  std::array<char, 4096> self{};
  ASSERT_GT(::readlink("/proc/self/exe", self.data(), self.size() - 1), 0);
  program narrow({"sh", "-c", "ulimit -n 256 && exec \"$0\" \"$@\"", self.data(),
                  "--gtest_filter=nested_actions.*"},
                 {reach});
  outcome end = narrow.finish({}, 30min);
  EXPECT_EQ(end.code, 0) << end.out << end.err;
  EXPECT_NE(end.out.find("[  PASSED  ] 1 test"), std::string::npos) << end.out;
  EXPECT_TRUE(fleet.no_commands_left());
}

}  // namespace
}  // namespace execo::test
