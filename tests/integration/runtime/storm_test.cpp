// The storm of tests/unit/coro over ssh hosts, too: stops that meet connections in every phase and
// commands that run. A million stops, in any build:
//
//   EXECO_STORM_STOPS=1000000 build/bin/integration_tests --gtest_filter='*ssh_storm*'
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "execo/sync_wait.hpp"
#include "fleet_way.hpp"
#include "unit/loop/on_each_backend.hpp"
#include "weather.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class ssh_storm : public on_each_backend {};
EXECO_ON_EACH_BACKEND(ssh_storm);

TEST_P(ssh_storm, stops_at_random_points_leave_nothing) {
  fleet_fixture fleet("127.6.0.[1-8]");
  ssh_options how = way_to(fleet);

  // A server that a busy machine keeps from answering for a second is left, and its result says
  // that the command may still run.
  std::atomic<int> told_of{0};
  weather w(storm_seed());
  w.add_remotes([&](std::uint64_t drawn) {
    const host_set hosts("127.6.0.[1-" + std::to_string(1 + drawn % 3) + "]");
    const char* text = drawn / 4 % 2 == 0 ? "echo out" : "echo out; exec sleep 60";
    return remote(text, hosts)
        .fanout(2)
        .kill_timeout(500ms)
        .ssh(how)
        .on_end([&](const ended_command& e) { told_of += e.result.may_still_run() ? 1 : 0; });
  });
  const storm_length length(4);
  // A thread for each few thousand stops: ThreadSanitizer's record of the calls of a thread grows
  // with each exception that leaves a coroutine there, and it gets slower and slower.
  while (!length.reached(w.stops().sum()))
    std::thread([&] { sync_wait(w.forest(length, w.stops().sum() + 5'000)); }).join();
  std::printf("%s\n", w.told().c_str());
  EXPECT_TRUE(w.calm()) << w.told();
  EXPECT_GT(w.stops().sum(), 0);
  // Each of them is one process.
  EXPECT_TRUE(soon([&] { return std::ssize(fleet.commands()) <= told_of; }))
      << "more are left than the " << told_of << " that results tell of";
}

}  // namespace
}  // namespace execo::test
