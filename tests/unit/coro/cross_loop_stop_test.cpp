// One stop request from another thread, which may meet the end of what it is meant for.
#include "execo/detail/cross_loop_stop.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "leak_check.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using detail::cross_loop_stop;
using detail::stop_kind;

class a_stop_across_loops : public on_each_backend {
 protected:
  void on_arrived() {
    ++arrivals_;
    kind_ = stop_.accept();
  }

  loop_harness h_;
  int arrivals_ = 0;
  stop_kind kind_ = stop_kind::end;
  cross_loop_stop stop_{detail::delegate<>::to<&a_stop_across_loops::on_arrived>(this)};
};
EXECO_ON_EACH_BACKEND(a_stop_across_loops);

TEST_P(a_stop_across_loops, arrives_once_with_the_kind_of_the_first_request) {
  std::thread other([&] {
    stop_.request(h_.loop, stop_kind::kill);
    stop_.request(h_.loop, stop_kind::abandon);
  });
  EXPECT_TRUE(h_.turn_until([&] { return arrivals_ == 1; }));
  other.join();
  h_.run_until_quiet();
  EXPECT_EQ(arrivals_, 1);
  EXPECT_EQ(kind_, stop_kind::kill);
  EXPECT_TRUE(stop_.close()) << "nothing is in flight any more";
}

TEST_P(a_stop_across_loops, is_refused_when_it_was_closed_before) {
  EXPECT_TRUE(stop_.close());
  std::thread([&] { stop_.request(h_.loop); }).join();
  h_.run_until_quiet();
  EXPECT_EQ(arrivals_, 0);
}

TEST_P(a_stop_across_loops, that_is_in_flight_when_it_is_closed_still_arrives) {
  std::thread([&] { stop_.request(h_.loop); }).join();
  EXPECT_FALSE(stop_.close());
  EXPECT_TRUE(h_.turn_until([&] { return arrivals_ == 1; }));
  EXPECT_TRUE(stop_.close());
}

TEST_P(a_stop_across_loops, is_either_refused_or_arrives_however_it_meets_the_end) {
  for (int round = 0; round < 200; ++round) {
    int seen = 0;
    struct racing {
      explicit racing(int& count) : arrivals(count) {}
      void arrive() {
        ++arrivals;
        (void)stop.accept();
      }
      int& arrivals;
      cross_loop_stop stop{detail::delegate<>::to<&racing::arrive>(this)};
    } each(seen);
    std::thread other([&] { each.stop.request(h_.loop); });
    h_.loop.turn(0);
    EXPECT_TRUE(each.stop.close() || h_.turn_until([&] { return seen == 1; }));
    other.join();
    h_.run_until_quiet();
    EXPECT_LE(seen, 1);
  }
}

}  // namespace
}  // namespace execo::test
