#include "wire/link.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "unit/wire/link_ends.hpp"

namespace execo::test {
namespace {

using detail::cancel_message;
using detail::frame_type;
using detail::goodbye_message;
using detail::goodbye_reason;
using detail::hello_message;
using detail::index_ranges;
using detail::link;
using detail::link_state;
using detail::send_result;
using detail::wire_fault;
using detail::wire_time;
using ::testing::HasSubstr;

constexpr wire_time start = start_of_link;

cancel_message cancel_of(std::uint32_t run) {
  cancel_message cancel;
  cancel.run = run;
  cancel.hosts = index_ranges(5);
  return cancel;
}

TEST(links, greet_each_other) {
  link parent = a_parent();
  link child = link::to_parent(some_hello(), start);
  EXPECT_EQ(parent.state(), link_state::greeting);
  EXPECT_EQ(take(parent), "");
  const auto hello = give(parent, take(child));
  ASSERT_EQ(hello.size(), 1U);
  EXPECT_EQ(hello_message::decode(hello[0].view()), some_hello());
  EXPECT_EQ(parent.state(), link_state::open);
  const auto welcome = give(child, take(parent));
  ASSERT_EQ(welcome.size(), 1U);
  EXPECT_EQ(welcome[0].type(), frame_type::welcome);
  EXPECT_EQ(child.state(), link_state::open);
  EXPECT_EQ(child.welcome(), parent.welcome());
  EXPECT_EQ(child.welcome().host, "node5");
  EXPECT_TRUE(parent.served().contains(5));
}

TEST(links, send_what_was_queued_before_the_greeting_behind_it) {
  link parent = a_parent();
  EXPECT_EQ(parent.send(cancel_of(1)), send_result::queued);
  EXPECT_EQ(take(parent), "");
  link child = link::to_parent(some_hello(), start);
  give(parent, take(child));
  const auto frames = give(child, take(parent));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].type(), frame_type::welcome);
  EXPECT_EQ(frames[1].type(), frame_type::cancel);
}

TEST(links, choose_the_highest_protocol_that_both_speak) {
  hello_message hello = some_hello();
  hello.protocol_max = 900;
  link parent = a_parent();
  link child = link::to_parent(hello, start);
  give(parent, take(child));
  EXPECT_EQ(parent.welcome().protocol, detail::protocol_highest);
}

TEST(links, tell_a_child_of_an_older_protocol_no_more_than_that_has) {
  detail::welcome_message welcome = some_welcome();
  welcome.grooming_ms = 7;
  for (std::uint16_t highest : {1, 2, 3}) {
    hello_message hello = some_hello();
    hello.protocol_max = highest;
    link parent = a_parent(welcome);
    link child = link::to_parent(hello, start);
    give(parent, take(child));
    give(child, take(parent));
    EXPECT_EQ(child.state(), link_state::open);
    EXPECT_EQ(child.welcome().grooming_ms, highest == 1 ? 100U : 7U);
  }
}

TEST(links, without_a_common_protocol_say_so_at_both_ends) {
  hello_message hello = some_hello();
  hello.protocol_min = 7;
  hello.protocol_max = 8;
  link parent = a_parent();
  link child = link::to_parent(hello, start);
  EXPECT_TRUE(give(parent, take(child)).empty());
  EXPECT_EQ(parent.fault(), wire_fault::no_common_protocol);
  EXPECT_EQ(
      parent.fault_words(),
      "there is no protocol that both ends speak: the parent speaks 1 to 3, the child 7 to 8");
  const auto frames = give(child, take(parent));
  ASSERT_EQ(frames.size(), 1U);
  const auto goodbye = goodbye_message::decode(frames[0].view());
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(goodbye->reason, goodbye_reason::version);
  EXPECT_EQ(child.state(), link_state::parting);
}

TEST(links, refuse_a_welcome_in_a_protocol_that_the_child_does_not_speak) {
  detail::welcome_message welcome = some_welcome();
  welcome.protocol = 9;
  std::string bytes;
  const std::string body = body_of(welcome);
  append_frame(bytes, detail::frame(frame_type::welcome, 0, detail::no_host, body), 0);
  link child = link::to_parent(some_hello(), start);
  EXPECT_TRUE(give(child, bytes).empty());
  EXPECT_EQ(child.fault(), wire_fault::no_common_protocol);
}

TEST(links, refuse_a_child_that_was_not_started) {
  hello_message hello = some_hello();
  hello.nonce[0] = 'x';
  link parent = a_parent();
  link child = link::to_parent(hello, start);
  give(parent, take(child));
  EXPECT_EQ(parent.fault(), wire_fault::wrong_nonce);
}

TEST(links, refuse_a_child_of_another_project) {
  hello_message hello = some_hello();
  hello.magic = 1;
  link parent = a_parent();
  link child = link::to_parent(hello, start);
  give(parent, take(child));
  EXPECT_EQ(parent.fault(), wire_fault::wrong_magic);
}

TEST(links, let_control_overtake_data_and_keep_the_order_of_each) {
  link_ends ends;
  ends.parent.hand_over(index_ranges(0, 9));
  detail::started_message started;
  started.run = 1;
  detail::ended_message ended;
  ended.run = 1;
  ended.hosts = index_ranges(1);
  ended.measures.resize(1);
  EXPECT_EQ(ends.child.send(some_output(1)), send_result::queued);
  EXPECT_EQ(ends.child.send(ended), send_result::queued);
  for (std::uint32_t host : {2U, 3U}) {
    started.hosts = index_ranges(host);
    EXPECT_EQ(ends.child.send(started), send_result::queued);
  }
  std::string order;
  for (const received_frame& f : ends.up())
    order += std::string(name_of(f.type())) + std::to_string(f.view().host) + ' ';
  EXPECT_EQ(order, "started2 started3 output1 ended1 ");
}

TEST(links, send_no_more_data_than_the_window_until_it_is_granted) {
  detail::welcome_message welcome = some_welcome();
  welcome.link_window = 10'000;
  link_ends ends(welcome);
  const std::string bytes(980, 'x');
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(ends.child.send(some_output(5, bytes)), send_result::queued);
  std::size_t received = ends.up().size();
  EXPECT_EQ(received, 10U);  // the tenth fills it
  EXPECT_EQ(take(ends.child), "");
  EXPECT_EQ(ends.parent.fault(), wire_fault::none);
  while (received < 100) {
    ends.parent.grant();
    ends.down();
    const std::size_t more = ends.up().size();
    ASSERT_GT(more, 0U);
    received += more;
  }
  EXPECT_EQ(ends.child.data_backlog(), 0U);
}

TEST(links, let_control_and_heartbeats_pass_when_data_may_not) {
  detail::welcome_message welcome = some_welcome();
  welcome.link_window = 1;
  link_ends ends(welcome);
  detail::input_message input;
  input.run = 1;
  input.hosts = index_ranges(5);
  input.bytes = "abc";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ends.parent.send(input), send_result::queued);
  EXPECT_EQ(ends.down().size(), 1U);
  EXPECT_EQ(ends.parent.send(cancel_of(1)), send_result::queued);
  const auto frames = ends.down();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].type(), frame_type::cancel);
  ends.parent.tick(start + 5s);
  EXPECT_TRUE(ends.down(start + 5s).empty());
  EXPECT_TRUE(ends.up(start + 6s).empty());
  EXPECT_EQ(ends.parent.due(), start + 10s);  // it was answered
}

TEST(links, take_no_more_than_their_queues_hold) {
  detail::link_limits limits;
  limits.data = 1'000;
  link child = link::to_parent(some_hello(), start, limits);
  int taken = 0;
  while (child.send(some_output(5, std::string(80, 'x'))) == send_result::queued) ++taken;
  EXPECT_GT(taken, 8);
  EXPECT_LT(taken, 12);
  EXPECT_EQ(child.send(some_output(5)), send_result::full);
  EXPECT_LT(child.data_backlog(), 1'200U);
}

TEST(links, refuse_a_message_that_is_too_long_for_a_frame) {
  link_ends ends;
  const std::string bytes(70'000, 'x');
  EXPECT_EQ(ends.child.send(some_output(5, bytes)), send_result::too_long);
  EXPECT_EQ(ends.child.data_backlog(), 0U);
  EXPECT_EQ(ends.child.send(some_output(5)), send_result::queued);
  EXPECT_EQ(ends.up().size(), 1U);
}

TEST(links, forward_a_frame_as_it_came) {
  link_ends lower;
  link_ends upper;
  EXPECT_EQ(lower.child.send(some_output(5, "hello")), send_result::queued);
  for (const received_frame& f : lower.up())
    EXPECT_EQ(upper.child.forward(f.view()), send_result::queued);
  const auto frames = upper.up();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(detail::output_message::decode(frames[0].view()), some_output(5, "hello"));
}

TEST(links, give_credit_of_a_stream_to_the_user) {
  link_ends ends;
  detail::credit_message credit;
  credit.run = 1;
  credit.host = 5;
  credit.stream = 1;
  credit.data = 100;
  EXPECT_EQ(ends.parent.send(credit), send_result::queued);
  const auto frames = ends.down();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(detail::credit_message::decode(frames[0].view()), credit);
}

// --- heartbeat ---

TEST(links, ping_when_idle_and_not_when_busy) {
  link_ends ends;
  EXPECT_EQ(ends.parent.due(), start + 5s);
  ends.parent.tick(start + 5s - 1ms);
  EXPECT_EQ(take(ends.parent), "");
  EXPECT_EQ(ends.parent.send(cancel_of(1)), send_result::queued);
  EXPECT_EQ(ends.child.send(some_output(5)), send_result::queued);
  ends.down(start + 4s);
  ends.up(start + 4s);
  EXPECT_EQ(ends.parent.due(), start + 9s);
  ends.parent.tick(start + 9s);
  EXPECT_TRUE(ends.down(start + 9s).empty());
  EXPECT_TRUE(ends.up(start + 9s).empty());
  EXPECT_EQ(ends.parent.due(), start + 14s);
}

TEST(links, keep_data_behind_control_frames_that_wait_for_credit) {
  link_ends ends;
  // More than the credit for control frames.
  for (int i = 0; i < 3'000; ++i) (void)ends.child.send(detail::steal_message());
  (void)ends.child.send(some_output(5));
  std::vector<received_frame> first = ends.up();
  ASSERT_FALSE(first.empty());
  ASSERT_LT(first.size(), 3'000U);
  EXPECT_EQ(first.back().type(), frame_type::steal);
  ends.parent.grant();
  ends.down();
  std::vector<received_frame> rest = ends.up();
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest.back().type(), frame_type::output);
}

TEST(links, are_silent_after_the_time_of_the_dead) {
  link_ends ends;
  for (wire_time now = start; now <= start + 14s; now += 1s) {
    ends.parent.tick(now);
    take(ends.parent, now);
    ends.child.tick(now);
  }
  EXPECT_EQ(ends.parent.state(), link_state::open);
  EXPECT_EQ(ends.parent.due(), start + 15s);
  ends.parent.tick(start + 15s);
  EXPECT_EQ(ends.parent.fault(), wire_fault::silent);
  EXPECT_EQ(ends.parent.fault_words(),
            "the other end has been silent for too long: nothing for 15000 ms");
  EXPECT_EQ(take(ends.parent), "");
  EXPECT_EQ(ends.parent.due(), std::nullopt);
  EXPECT_EQ(ends.child.due(), start + 15s);
  ends.child.tick(start + 15s);
  EXPECT_EQ(ends.child.fault(), wire_fault::silent);
}

TEST(links, are_silent_when_no_greeting_comes) {
  link parent = a_parent();
  EXPECT_EQ(parent.due(), start + 15s);
  parent.tick(start + 15s);
  EXPECT_EQ(parent.fault(), wire_fault::silent);
}

TEST(links, take_trickling_bytes_for_silence) {
  link_ends ends;
  EXPECT_EQ(ends.child.send(some_output(5, std::string(100, 'x'))), send_result::queued);
  const std::string bytes = take(ends.child);
  for (int second = 0; second < 15; ++second)
    EXPECT_TRUE(give(ends.parent, bytes.substr(second, 1), start + second * 1s).empty());
  ends.parent.tick(start + 15s);
  EXPECT_EQ(ends.parent.fault(), wire_fault::silent);
}

TEST(links, live_on_while_heartbeats_are_answered) {
  link_ends ends;
  int frames = 0;
  for (wire_time now = start; now < start + 100s; now += 500ms) {
    ends.parent.tick(now);
    ends.child.tick(now);
    const std::string ping = take(ends.parent, now);
    frames += ping.empty() ? 0 : 1;
    give(ends.child, ping, now);
    ends.up(now);
  }
  EXPECT_EQ(ends.parent.state(), link_state::open);
  EXPECT_EQ(ends.child.state(), link_state::open);
  EXPECT_EQ(frames, 19);
}

// --- goodbye ---

TEST(links, part_when_both_have_said_goodbye) {
  link_ends ends;
  EXPECT_EQ(ends.parent.send(cancel_of(1)), send_result::queued);
  ends.parent.leave(goodbye_message(goodbye_reason::done, "no more"));
  EXPECT_EQ(ends.parent.state(), link_state::leaving);
  EXPECT_EQ(ends.parent.send(cancel_of(2)), send_result::over);
  const auto frames = ends.down();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(ends.parent.state(), link_state::left);
  EXPECT_EQ(goodbye_message::decode(frames[1].view()),
            goodbye_message(goodbye_reason::done, "no more"));
  EXPECT_EQ(ends.child.state(), link_state::parting);
  EXPECT_EQ(ends.child.due(), std::nullopt);
  EXPECT_EQ(ends.child.send(some_output(5)), send_result::over);
  ends.child.leave(goodbye_message());
  EXPECT_EQ(ends.child.state(), link_state::closed);
  EXPECT_EQ(ends.up().size(), 1U);
  EXPECT_EQ(ends.parent.state(), link_state::closed);
  EXPECT_EQ(ends.parent.fault(), wire_fault::none);
}

TEST(links, that_leave_still_hear_the_other_end) {
  link_ends ends;
  ends.parent.leave(goodbye_message());
  const std::string goodbye = take(ends.parent);
  EXPECT_EQ(ends.child.send(some_output(5)), send_result::queued);
  EXPECT_EQ(ends.up().size(), 1U);
  give(ends.child, goodbye);
  ends.child.leave(goodbye_message());
  ends.up();
  EXPECT_EQ(ends.parent.state(), link_state::closed);
}

TEST(links, may_leave_both_at_once) {
  link_ends ends;
  EXPECT_EQ(ends.parent.send(cancel_of(1)), send_result::queued);
  ends.parent.leave(goodbye_message());
  ends.child.leave(goodbye_message());
  ends.up();
  EXPECT_EQ(ends.parent.state(), link_state::closed);
  ends.down();
  EXPECT_EQ(ends.child.state(), link_state::closed);
  EXPECT_EQ(ends.parent.fault(), wire_fault::none);
  EXPECT_EQ(ends.child.fault(), wire_fault::none);
}

TEST(links, are_cut_off_when_bytes_end_without_a_goodbye) {
  link_ends ends;
  ends.parent.bytes_ended();
  EXPECT_EQ(ends.parent.fault(), wire_fault::cut_off);
  EXPECT_EQ(take(ends.parent), "");
  ends.child.leave(goodbye_message());
  take(ends.child);
  ends.child.bytes_ended();
  EXPECT_EQ(ends.child.state(), link_state::closed);
}

TEST(links, finish_the_frame_that_is_half_written_before_they_name_a_fault) {
  link_ends ends;
  EXPECT_EQ(ends.parent.send(cancel_of(1)), send_result::queued);
  std::string bytes(ends.parent.output().substr(0, 7));
  ends.parent.written(7, start);
  ends.parent.refuse(wire_fault::refused, "told by a test");
  bytes += take(ends.parent);
  const auto frames = give(ends.child, bytes);
  ASSERT_EQ(frames.size(), 2U);
  const auto goodbye = goodbye_message::decode(frames[1].view());
  ASSERT_TRUE(goodbye);
  EXPECT_EQ(goodbye->reason, goodbye_reason::protocol);
  EXPECT_THAT(goodbye->text, HasSubstr("told by a test"));
  EXPECT_EQ(ends.child.state(), link_state::parting);
}

}  // namespace
}  // namespace execo::test
