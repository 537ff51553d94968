// Which connections to an address are begun, on a clock that the test moves.
#include "ssh/admission.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

#include "held_clock.hpp"

namespace execo::detail {
namespace {

using namespace std::chrono_literals;

class admitted : public ::testing::Test {
 protected:
  struct session {
    session(std::vector<int>& into, int n) : order(into), number(n) {}
    void granted() { order.push_back(number); }
    std::vector<int>& order;
    int number;
    admission::ticket ticket{delegate<>::to<&session::granted>(this)};
  };
  session& make(const std::string& where = "n1:22") {
    session& made = all.emplace_back(order, static_cast<int>(all.size()));
    book.name(made.ticket, where);
    return made;
  }
  static failure refusal() {
    failure why(end_reason::connect_failed, std::make_error_code(std::errc::connection_refused),
                "connect n1:22");
    why.reason = failure_reason::refused;
    return why;
  }
  void fail(clock::duration lasted, unsigned weight = 1) {
    time.pass(lasted);
    book.failed(make().ticket, refusal(), lasted, weight);
    all.pop_back();
  }
  bool is_closed(clock::time_point asked = {}) {
    bool closed = book.why_closed(make().ticket, asked).has_value();
    all.pop_back();
    return closed;
  }

  loop on;
  loop::driver driver{on};
  test::held_clock time{on};
  admission book{on};
  std::vector<int> order;
  std::deque<session> all;
};

TEST_F(admitted, are_all_until_the_server_turns_one_away_and_then_half_of_them) {
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(book.enter(make().ticket, admission::turn::last));
  for (int i = 0; i < 6; ++i) {
    book.turned_away(all[static_cast<std::size_t>(i)].ticket);
    book.leave(all[static_cast<std::size_t>(i)].ticket);
  }
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(book.enter(make().ticket, admission::turn::last), i < 2) << "four in flight, " << i;
  EXPECT_TRUE(order.empty());
  book.succeeded(all[6].ticket);
  book.leave(all[6].ticket);
  EXPECT_EQ(order, (std::vector<int>{10}));
  EXPECT_TRUE(all[10].ticket.is_inside());
}

TEST_F(admitted, are_first_those_that_have_tried_before) {
  EXPECT_TRUE(book.enter(make().ticket, admission::turn::last));
  book.turned_away(all[0].ticket);
  EXPECT_FALSE(book.enter(make().ticket, admission::turn::last));
  EXPECT_FALSE(book.enter(make().ticket, admission::turn::first));
  book.leave(all[0].ticket);
  EXPECT_EQ(order, (std::vector<int>{2}));
  book.leave(all[2].ticket);
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
}

TEST_F(admitted, do_not_wait_for_other_addresses_nor_for_one_that_has_gone) {
  EXPECT_TRUE(book.enter(make().ticket, admission::turn::last));
  book.turned_away(all[0].ticket);
  EXPECT_TRUE(book.enter(make("n2:22").ticket, admission::turn::last));
  EXPECT_FALSE(book.enter(make().ticket, admission::turn::last));
  EXPECT_FALSE(book.enter(make().ticket, admission::turn::last));
  EXPECT_EQ(book.size(), 2U);
  book.leave(all[2].ticket);
  book.leave(all[0].ticket);
  EXPECT_EQ(order, (std::vector<int>{3}));
  all.clear();
  EXPECT_EQ(book.size(), 0U);
}

TEST_F(admitted, are_counted_where_their_names_turn_out_to_lead) {
  session& there = make("127.0.0.1:22");
  EXPECT_TRUE(book.enter(there.ticket, admission::turn::last));
  book.turned_away(there.ticket);
  session& named = make();
  EXPECT_TRUE(book.enter(named.ticket, admission::turn::last));
  EXPECT_FALSE(book.is_for(named.ticket, "127.0.0.1:22"));
  book.rename(named.ticket, "127.0.0.1:22");
  EXPECT_TRUE(book.is_for(named.ticket, "127.0.0.1:22"));
  EXPECT_EQ(book.size(), 1U) << "nobody needs the name";
  EXPECT_FALSE(book.enter(named.ticket, admission::turn::last));
  EXPECT_TRUE(named.ticket.is_waiting());
  book.leave(there.ticket);
  EXPECT_EQ(order, (std::vector<int>{1}));
}

TEST_F(admitted, make_room_where_they_turn_out_not_to_lead) {
  EXPECT_TRUE(book.enter(make().ticket, admission::turn::last));
  book.turned_away(all[0].ticket);
  EXPECT_FALSE(book.enter(make().ticket, admission::turn::last));
  book.rename(all[0].ticket, "127.0.0.1:22");
  EXPECT_EQ(order, (std::vector<int>{1}));
  EXPECT_TRUE(book.enter(all[0].ticket, admission::turn::last));
}

TEST_F(admitted, is_none_for_as_long_as_three_ends_in_a_row_took) {
  fail(2s);
  fail(3s);
  EXPECT_FALSE(is_closed());
  fail(4s);
  std::optional<failure> why = book.why_closed(make().ticket, {});
  ASSERT_TRUE(why);
  EXPECT_EQ(why->how, end_reason::connect_failed);
  EXPECT_EQ(why->reason, failure_reason::refused);
  EXPECT_EQ(why->context,
            "not tried: 3 connections in a row failed, the last one 0 ms ago: connect n1:22");
  time.pass(9s - 1ns);
  EXPECT_TRUE(is_closed());
  time.pass(1ns);
  EXPECT_FALSE(is_closed());
  fail(1ms);
  EXPECT_TRUE(is_closed()) << "the next one has failed, too";
  EXPECT_FALSE(is_closed(on.now() + 1ns)) << "who asks later has it tried";
}

TEST_F(admitted, is_one_after_a_second_if_the_ends_took_no_time_and_after_half_a_minute_at_most) {
  for (int i = 0; i < 3; ++i) fail(0s);
  time.pass(1s - 1ns);
  EXPECT_TRUE(is_closed());
  time.pass(1ns);
  EXPECT_FALSE(is_closed());
  fail(200s, admission::max_weight);
  time.pass(30s - 1ns);
  EXPECT_TRUE(is_closed());
  time.pass(1ns);
  EXPECT_FALSE(is_closed());
}

TEST_F(admitted, are_all_again_after_a_success) {
  for (int i = 0; i < 3; ++i) fail(1s);
  EXPECT_TRUE(is_closed());
  book.succeeded(make().ticket);
  EXPECT_FALSE(is_closed());
  all.clear();
  EXPECT_EQ(book.size(), 0U);
}

TEST_F(admitted, is_known_for_a_minute_that_an_address_fails_and_of_a_thousand_at_most) {
  fail(1s);
  EXPECT_EQ(book.size(), 1U);
  time.pass(61s);
  make("n2:22");
  EXPECT_EQ(book.size(), 1U);
  all.clear();
  for (int i = 0; i < 3000; ++i) {
    book.failed(make("n" + std::to_string(i) + ":22").ticket, refusal(), 1s, 1);
    all.clear();
  }
  EXPECT_LE(book.size(), 1025U);
}

}  // namespace
}  // namespace execo::detail
