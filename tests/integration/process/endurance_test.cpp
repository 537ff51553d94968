// Many commands one after the other, and what is left of them: nothing.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "execo/execo.hpp"
#include "memory.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class endurance : public on_each_backend {};
EXECO_ON_EACH_BACKEND(endurance);

/// Descriptors and children of this process.
class holdings {
 public:
  static holdings now() {
    holdings found;
    std::filesystem::directory_iterator all("/proc/self/fd");
    found.descriptors_ = std::distance(begin(all), end(all));
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
      std::ifstream list(thread.path() / "children");
      for (int pid = 0; list >> pid;) ++found.children_;
    }
    return found;
  }
  bool operator==(const holdings&) const = default;

 private:
  std::ptrdiff_t descriptors_ = 0;
  std::ptrdiff_t children_ = 0;
};

task<int> run_one_by_one(int count) {
  int good = 0;
  for (int i = 0; i < count; ++i) {
    result r = co_await process("true").run();
    if (r.ok()) ++good;
  }
  co_return good;
}

task<int> run(int count) {
  std::vector<task<int>> lanes;
  for (int i = 0; i < 8; ++i) lanes.push_back(run_one_by_one(count / 8));
  std::vector<int> good = co_await when_all(std::move(lanes));
  int sum = 0;
  for (int g : good) sum += g;
  co_return sum;
}

TEST_P(endurance, two_thousand_commands_take_no_memory_and_leave_nothing) {
  context where;
  // Helper threads and the tables of the loop are made on first need, and stay.
  ASSERT_EQ(sync_wait(where, run(400)), 400);
  const auto base = holdings::now();
  const std::size_t before = resident_bytes();
  ASSERT_EQ(sync_wait(where, run(1600)), 1600);
  EXPECT_EQ(holdings::now(), base);
  if (memory_is_measurable()) {
    EXPECT_LT(resident_bytes(), before + 1'000'000);
  }
}

TEST_P(endurance, a_command_whose_orphan_keeps_its_output_open_ends_with_the_drain_deadline) {
  for (duration limit : {duration(0s), duration(60s)}) {
    auto p = process("sleep 30 & echo hi").shell().drain_timeout(1s).timeout(limit);
    result r = sync_wait(p.run());
    EXPECT_TRUE(r.ok()) << r.describe();
    EXPECT_EQ(r.out, "hi\n");
    EXPECT_FALSE(r.output_complete());
    EXPECT_FALSE(r.killed());
    EXPECT_LT(r.elapsed(), 10s);
    // The sleep is in the command's group, whose number it keeps.
    EXPECT_EQ(::kill(-p.pid(), SIGKILL), 0);
  }
}

}  // namespace
}  // namespace execo::test
