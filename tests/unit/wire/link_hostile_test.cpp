// What a child may try that was broken into: each is a fault of its link, with words, and nothing
// else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/wire/link_ends.hpp"
#include "wire/link.hpp"

namespace execo::test {
namespace {

using detail::frame;
using detail::frame_type;
using detail::index_ranges;
using detail::link;
using detail::link_state;
using detail::no_host;
using detail::wire_fault;
using ::testing::HasSubstr;

// What would take up an agent again that has lost its parent: no version has it.
constexpr auto attach = static_cast<frame_type>(0x0b);
constexpr std::string_view attach_body = "a secret, a nonce and an index: 36 b";

// A child that has the hosts 5 (its own) and 10 to 19.
class hostile_child : public ::testing::Test {
 protected:
  hostile_child() { parent.hand_over(index_ranges(10, 19)); }
  void expect_fault(wire_fault fault, std::string_view words = {}) {
    EXPECT_EQ(parent.state(), link_state::failed);
    EXPECT_EQ(parent.fault(), fault) << words_of(parent.fault());
    EXPECT_THAT(parent.fault_words(), HasSubstr(std::string(words_of(fault)))) << words;
    EXPECT_THAT(parent.fault_words(), HasSubstr(std::string(words)));
    // It hears a goodbye and nothing more.
    EXPECT_LT(take(parent).size(), 300U);
    EXPECT_EQ(parent.output(), "");
  }

  link parent = a_parent();
  rogue_child child{parent};
};

TEST_F(hostile_child, speaks_for_a_host_of_somebody_else) {
  child.say(some_output(15));
  EXPECT_EQ(parent.state(), link_state::open);
  child.say(some_output(20));
  expect_fault(wire_fault::foreign_host, "output of run 1, host 20");
}

TEST_F(hostile_child, hides_a_foreign_host_in_a_set) {
  detail::started_message started;
  started.run = 1;
  started.hosts = index_ranges(10, 19);
  child.say(started);
  EXPECT_EQ(parent.state(), link_state::open);
  started.hosts = index_ranges(10, 20);
  child.say(started);
  expect_fault(wire_fault::foreign_host, "started of run 1");
}

TEST_F(hostile_child, speaks_for_a_host_that_it_gave_back) {
  detail::returned_message returned;
  returned.hosts = index_ranges(15);
  child.say(returned);
  parent.take_back(index_ranges(15));
  child.say(some_output(15));
  expect_fault(wire_fault::foreign_host);
}

TEST_F(hostile_child, gives_back_what_it_was_not_given) {
  detail::returned_message returned;
  returned.hosts = index_ranges(0, 19);
  child.say(returned);
  expect_fault(wire_fault::foreign_host, "returned");
}

TEST_F(hostile_child, orders_its_parent_to_run_a_command) {
  detail::execute_message execute;
  execute.run = 1;
  execute.hosts = index_ranges(10);
  execute.words = {"id"};
  child.say(execute);
  expect_fault(wire_fault::wrong_direction);
}

TEST_F(hostile_child, hands_work_to_its_parent) {
  detail::work_message work;
  work.items.emplace_back().name = "x";
  child.say(work);
  expect_fault(wire_fault::wrong_direction);
}

TEST_F(hostile_child, repeats_a_frame) {
  child.say(some_output(10));
  child.say_again();
  expect_fault(wire_fault::bad_sequence);
}

TEST_F(hostile_child, greets_twice) {
  child.say(some_hello());
  expect_fault(wire_fault::wrong_moment, "hello");
}

TEST_F(hostile_child, wants_to_be_taken_up_again) {
  child.say_frame(frame(attach, 0, no_host, attach_body));
  expect_fault(wire_fault::unknown_type);
}

TEST_F(hostile_child, prints_without_end) {
  const std::string bytes(detail::frame_body_limit / 2, 'y');
  std::size_t sent = 0;
  while (parent.state() == link_state::open) {
    child.say(some_output(10, bytes));
    sent += bytes.size();
    ASSERT_LT(sent, 3'000'000U);
  }
  expect_fault(wire_fault::credit_overdrawn, "output of run 1, host 10");
  EXPECT_LT(parent.owed(), 1'048'576U + detail::frame_body_limit + 20);
}

TEST_F(hostile_child, floods_with_control_frames) {
  detail::steal_message steal;
  int sent = 0;
  for (; parent.state() == link_state::open && sent < 10'000; ++sent) child.say(steal);
  expect_fault(wire_fault::credit_overdrawn, "steal");
  EXPECT_LT(sent, 65'536 / 32 + 2);
}

TEST_F(hostile_child, gives_credit_for_what_was_never_sent) {
  detail::credit_message credit;
  credit.data = 1;
  child.say(credit);
  expect_fault(wire_fault::credit_invalid);
}

TEST_F(hostile_child, gives_credit_that_would_wrap) {
  detail::credit_message credit;
  credit.control = 0xffff'ffff;
  child.say(credit);
  expect_fault(wire_fault::credit_invalid);
}

TEST_F(hostile_child, gives_credit_for_a_stream_of_another_host) {
  detail::credit_message credit;
  credit.run = 1;
  credit.host = 20;
  credit.data = 1;
  child.say(credit);
  expect_fault(wire_fault::foreign_host);
}

TEST_F(hostile_child, answers_a_ping_that_was_not_sent) {
  detail::pong_message pong;
  pong.token = 1;
  child.say(pong);
  expect_fault(wire_fault::wrong_moment, "pong");
}

TEST_F(hostile_child, speaks_after_its_goodbye) {
  child.say(detail::goodbye_message());
  EXPECT_EQ(parent.state(), link_state::parting);
  child.say(some_output(10));
  expect_fault(wire_fault::wrong_moment);
}

TEST_F(hostile_child, leaves_out_the_run) {
  child.say_frame(frame(frame_type::output, 0, 10, "x"));
  expect_fault(wire_fault::bad_address);
}

TEST_F(hostile_child, names_a_set_where_one_host_is_meant) {
  child.say_frame(frame(frame_type::output, 1, no_host, "x"));
  expect_fault(wire_fault::bad_address);
}

TEST_F(hostile_child, sends_a_set_of_a_thousand_million_ranges) {
  child.say_frame(frame(frame_type::started, 1, no_host, "\xff\xff\xff\xff\x0f"));
  expect_fault(wire_fault::bad_body);
}

TEST_F(hostile_child, sends_an_empty_set) {
  child.say_frame(frame(frame_type::ended, 1, no_host, std::string_view("\0", 1)));
  expect_fault(wire_fault::bad_body);
}

TEST(hostile_greetings, lie_about_their_versions) {
  std::string body = body_of(some_hello());
  // At least one more than at most.
  body[4] = static_cast<char>(detail::protocol_highest + 1);
  std::string bytes;
  append_frame(bytes, frame(frame_type::hello, 0, no_host, body), 0);
  link parent = a_parent();
  give(parent, bytes);
  EXPECT_EQ(parent.fault(), wire_fault::bad_body);
}

TEST(hostile_greetings, begin_with_something_else) {
  std::string bytes;
  append_frame(bytes, frame(frame_type::output, 1, 5, "x"), 0);
  link parent = a_parent();
  give(parent, bytes);
  EXPECT_EQ(parent.fault(), wire_fault::wrong_moment);
}

TEST(hostile_greetings, are_those_of_an_agent_that_was_here_before) {
  link child = link::to_parent(some_hello(), start_of_link);
  const std::string recorded = take(child);
  detail::bytes16 other_nonce = some_nonce();
  other_nonce[0] = 'x';
  link parent = link::to_child(other_nonce, some_welcome(), start_of_link);
  give(parent, recorded);
  EXPECT_EQ(parent.fault(), wire_fault::wrong_nonce);
}

TEST(hostile_greetings, of_a_parent_take_up_no_agent_again) {
  for (bool is_greeted : {false, true}) {
    link child = link::to_parent(some_hello(), start_of_link);
    (void)take(child);
    std::string bytes;
    const std::string welcome = body_of(some_welcome());
    if (is_greeted) append_frame(bytes, frame(frame_type::welcome, 0, no_host, welcome), 0);
    append_frame(bytes, frame(attach, 0, no_host, attach_body), is_greeted ? 1 : 0);
    give(child, bytes);
    EXPECT_EQ(child.fault(), wire_fault::unknown_type);
  }
}

TEST(hostile_greetings, are_the_banner_of_a_host) {
  link parent = a_parent();
  give(parent, "Last login: Mon Nov 30 00:00:00 2026 from 127.0.0.1\r\n");
  EXPECT_EQ(parent.state(), link_state::failed);
}

TEST(hostile_pings, make_the_child_hold_one_answer) {
  link_ends ends;
  std::string bytes;
  for (std::uint16_t i = 0; i < 1'000; ++i) {
    detail::ping_message ping;
    ping.token = i;
    const std::string body = body_of(ping);
    append_frame(bytes, frame(frame_type::ping, 0, no_host, body),
                 static_cast<std::uint16_t>(1 + i));
  }
  give(ends.child, bytes);
  EXPECT_EQ(ends.child.state(), link_state::open);
  EXPECT_EQ(take(ends.child).size(), detail::frame_header_size + 8);
}

}  // namespace
}  // namespace execo::test
