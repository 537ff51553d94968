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
  handshake_budget budget;
  handshake_limiter limiter(budget, 2);
  std::vector<int> order;
  std::deque<entrant> all;
  for (int i = 0; i < 5; ++i) limiter.enter(all.emplace_back(order, i).permit);
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  limiter.leave(all[0].permit);
  limiter.leave(all[0].permit);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(budget.in_flight(), 2U);
  EXPECT_FALSE(all[0].permit.inside());
  EXPECT_TRUE(all[2].permit.inside());
}

TEST(handshake_limiter, forgets_those_who_leave_the_queue_or_are_destroyed) {
  handshake_budget budget;
  handshake_limiter limiter(budget, 1);
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
  handshake_budget budget;
  handshake_limiter limiter(budget, 0);
  std::vector<int> order;
  entrant a(order, 0);
  limiter.enter(a.permit);
  EXPECT_EQ(budget.in_flight(), 1U);
}

TEST(handshake_limiter, waits_in_proportion_to_what_handshakes_take) {
  handshake_budget budget;
  handshake_limiter limiter(budget, 1);
  EXPECT_EQ(limiter.grace_period(), 300ms);
  limiter.completed(10ms);
  EXPECT_EQ(limiter.grace_period(), 300ms);
  for (int i = 0; i < 100; ++i) limiter.completed(1s);
  EXPECT_GT(limiter.grace_period(), 3900ms);
  EXPECT_LE(limiter.grace_period(), 4s);
}

TEST(handshake_limiter, shares_a_budget_with_those_of_other_options) {
  handshake_budget budget;
  handshake_limiter wide(budget, 3), narrow(budget, 1);
  std::vector<int> order;
  std::deque<entrant> all;
  for (int i = 0; i < 5; ++i) wide.enter(all.emplace_back(order, i).permit);
  for (int i = 10; i < 13; ++i) narrow.enter(all.emplace_back(order, i).permit);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  for (int i : {0, 1, 2}) wide.leave(all[i].permit);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 10, 4}));
  EXPECT_EQ(budget.in_flight(), 3U);
  // One at a time, though there is room for more.
  wide.leave(all[3].permit);
  wide.leave(all[4].permit);
  EXPECT_EQ(order.back(), 4);
  narrow.leave(all[5].permit);
  EXPECT_EQ(order.back(), 11);
  EXPECT_EQ(budget.in_flight(), 1U);
}

TEST(handshake_limiter, takes_turns_with_others_of_the_same_limit) {
  handshake_budget budget;
  handshake_limiter one(budget, 1), other(budget, 1);
  std::vector<int> order;
  std::deque<entrant> all;
  for (int i = 0; i < 3; ++i) one.enter(all.emplace_back(order, i).permit);
  for (int i = 10; i < 13; ++i) other.enter(all.emplace_back(order, i).permit);
  for (int place : {0, 1, 3, 2, 4, 5}) {
    EXPECT_TRUE(all[place].permit.inside()) << place;
    (place < 3 ? one : other).leave(all[place].permit);
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 10, 2, 11, 12}));
}

}  // namespace
}  // namespace execo::detail
