#include "ssh/handshake_gate.hpp"

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
  handshake_gate::ticket ticket{callback<>::to<&entrant::granted>(this)};
};

TEST(handshake_gate, admits_in_order_up_to_its_limit) {
  handshake_gate gate(2);
  std::vector<int> order;
  std::deque<entrant> all;
  for (int i = 0; i < 5; ++i) gate.enter(all.emplace_back(order, i).ticket);
  EXPECT_EQ(order, (std::vector<int>{0, 1}));
  gate.leave(all[0].ticket);
  gate.leave(all[0].ticket);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(gate.in_flight(), 2U);
  EXPECT_FALSE(all[0].ticket.inside());
  EXPECT_TRUE(all[2].ticket.inside());
}

TEST(handshake_gate, forgets_those_who_leave_the_queue_or_are_destroyed) {
  handshake_gate gate(1);
  std::vector<int> order;
  entrant a(order, 0), c(order, 2), d(order, 3);
  gate.enter(a.ticket);
  {
    entrant b(order, 1);
    gate.enter(b.ticket);
    gate.enter(c.ticket);
    gate.enter(d.ticket);
    gate.leave(c.ticket);
  }
  gate.leave(a.ticket);
  EXPECT_EQ(order, (std::vector<int>{0, 3}));
}

TEST(handshake_gate, admits_one_at_least) {
  handshake_gate gate(0);
  std::vector<int> order;
  entrant a(order, 0);
  gate.enter(a.ticket);
  EXPECT_EQ(gate.in_flight(), 1U);
}

TEST(handshake_gate, has_patience_in_proportion_to_what_handshakes_take) {
  handshake_gate gate(1);
  EXPECT_EQ(gate.patience(), 300ms);
  gate.completed(10ms);
  EXPECT_EQ(gate.patience(), 300ms);
  for (int i = 0; i < 100; ++i) gate.completed(1s);
  EXPECT_GT(gate.patience(), 3900ms);
  EXPECT_LE(gate.patience(), 4s);
}

}  // namespace
}  // namespace execo::detail
