// Stops at random points over timers, pipes, processes and nested combinators. Every awaiter
// resumes exactly once, and nothing is left. Each storm prints its seed; EXECO_STORM_SEED repeats
// it, EXECO_STORM_SECONDS or EXECO_STORM_STOPS lengthens it.
#include <gtest/gtest.h>

#include <cstdio>
#include <stop_token>
#include <thread>

#include "execo/context.hpp"
#include "execo/sync_wait.hpp"
#include "execo/when_all.hpp"
#include "long_count.hpp"
#include "unit/loop/on_each_backend.hpp"
#include "weather.hpp"

namespace execo::test {
namespace {

const double seconds_each = long_count(20) / 10.0;

class storm : public on_each_backend {
 protected:
  void TearDown() override {
    std::printf("%s\n", w.told().c_str());
    EXPECT_TRUE(w.calm()) << w.told();
  }

  weather w{storm_seed()};
};
EXECO_ON_EACH_BACKEND(storm);

TEST_P(storm, stops_at_random_points_leave_nothing) {
  context c;
  const storm_length length(seconds_each);
  while (!length.reached(w.stops().sum())) {
    std::stop_source source;
    auto both = [&]() -> task<> {
      auto stopper = [&]() -> task<> {
        co_await sleep(w.short_time() * 3);
        source.request_stop();
      };
      co_await when_all(w.until_stopped(source.get_token(), 4), stopper());
    };
    sync_wait(c, both());
    ASSERT_TRUE(w.calm()) << w.told();
  }
  EXPECT_GT(w.stops().sum(), 0);
}

TEST_P(storm, stops_from_another_thread_leave_nothing) {
  context c;
  const storm_length length(seconds_each);
  while (!length.reached(w.stops().sum())) {
    std::stop_source source;
    const auto delay = w.short_time() * 3;
    std::thread stopper([&] {
      std::this_thread::sleep_for(delay);
      source.request_stop();
    });
    sync_wait(c, w.until_stopped(source.get_token(), 4));
    stopper.join();
    ASSERT_TRUE(w.calm()) << w.told();
  }
  EXPECT_GT(w.stops().sum(), 0);
}

TEST_P(storm, many_trees_share_one_context) {
  sync_wait(w.forest(storm_length(seconds_each)));
  EXPECT_GT(w.stops().sum(), 0);
}

}  // namespace
}  // namespace execo::test
