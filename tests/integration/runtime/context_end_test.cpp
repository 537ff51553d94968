// Contexts that end at a bad moment, or cannot begin: what was under way is ended and joined, and
// what is short is said.
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <optional>
#include <random>
#include <system_error>

#include "execo/context.hpp"
#include "execo/sync_wait.hpp"
#include "unit/process/children.hpp"
#include "weather.hpp"

namespace execo::test {
namespace {

using namespace std::chrono_literals;

class context_end : public on_each_backend {};
EXECO_ON_EACH_BACKEND(context_end);

TEST_P(context_end, at_any_moment_ends_and_reaps_what_runs) {
  const auto seed = storm_seed();
  SCOPED_TRACE("EXECO_STORM_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 60; ++i) {
    std::deque<process> all;
    {
      context c;
      for (auto n = random() % 4; n > 0; --n) {
        all.emplace_back(random() % 2 == 0 ? "true" : "sleep 60");
        all.back().kill_timeout(100ms).on(c).start();
        for (auto turns = random() % 3; turns > 0; --turns) c.poll();
      }
      if (random() % 4 == 0 && !all.empty()) all.pop_front();
      if (random() % 4 == 0) std::move(all).clear();
    }
    for (process& p : all) {
      ASSERT_TRUE(p.try_result()) << "its context is gone";
      EXPECT_FALSE(p.running());
      EXPECT_FALSE(p.pid() != 0 && exists(p.pid()));
    }
  }
}

TEST_P(context_end, without_descriptors_it_does_not_begin_and_leaves_none) {
  int begun = 0;
  for (int room = 0; room < 12; ++room) {
    const int lowest = ::dup(0);
    ::close(lowest);
    lowered_limit limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest + room));
    std::optional<context> c;
    try {
      c.emplace();
    } catch (const std::system_error& e) {
      EXPECT_EQ(e.code(), std::errc::too_many_files_open) << e.what();
    } catch (const std::invalid_argument&) {
      // The backend asked for cannot be had.
    }
    if (!c) continue;
    ++begun;
    sync_wait(*c, sleep(1us));
    const result r = sync_wait(*c, process("echo hi").run());
    if (r.ok()) {
      EXPECT_EQ(r.out, "hi\n");
    } else {
      EXPECT_EQ(r.how(), end_reason::spawn_failed) << r.describe();
      EXPECT_EQ(r.error(), std::errc::too_many_files_open) << r.describe();
    }
  }
  EXPECT_GT(begun, 0);
}

}  // namespace
}  // namespace execo::test
