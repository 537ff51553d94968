#include "ssh/handshake_limiter.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <vector>

namespace execo::detail {
namespace {

using namespace std::chrono_literals;

struct entrant {
  entrant(std::vector<int>& into, int n) : order(into), number(n) {}
  void granted() { order.push_back(number); }
  std::vector<int>& order;
  int number;
  handshake_limiter::permit permit{delegate<>::to<&entrant::granted>(this)};
};

TEST(handshake_limiter, admits_in_order_up_to_its_limit) {
  handshake_limiter limiter(2);
  std::vector<int> order;
  std::deque<entrant> all;
  for (int i = 0; i < 5; ++i) limiter.enter(all.emplace_back(order, i).permit);
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  limiter.leave(all[0].permit);
  limiter.leave(all[0].permit);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(limiter.in_flight(), 2U);
  EXPECT_FALSE(all[0].permit.inside());
  EXPECT_TRUE(all[2].permit.inside());
}

TEST(handshake_limiter, forgets_those_who_leave_the_queue_or_are_destroyed) {
  handshake_limiter limiter(1);
  std::vector<int> order;
  entrant a(order, 0), c(order, 2), d(order, 3);
  limiter.enter(a.permit);
  {
    entrant b(order, 1);
    limiter.enter(b.permit);
    limiter.enter(c.permit);
    limiter.enter(d.permit);
    limiter.leave(c.permit);
  }
  limiter.leave(a.permit);
  EXPECT_EQ(order, (std::vector<int>{0, 3}));
}

TEST(handshake_limiter, admits_one_at_least) {
  handshake_limiter limiter(0);
  std::vector<int> order;
  entrant a(order, 0);
  limiter.enter(a.permit);
  EXPECT_EQ(limiter.in_flight(), 1U);
}

TEST(handshake_limiter, has_patience_in_proportion_to_what_handshakes_take) {
  handshake_limiter limiter(1);
  EXPECT_EQ(limiter.patience(), 300ms);
  limiter.completed(10ms);
  EXPECT_EQ(limiter.patience(), 300ms);
  for (int i = 0; i < 100; ++i) limiter.completed(1s);
  EXPECT_GT(limiter.patience(), 3900ms);
  EXPECT_LE(limiter.patience(), 4s);
}

}  // namespace
}  // namespace execo::detail
