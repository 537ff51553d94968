#include "wire/messages.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/wire/random_messages.hpp"
#include "wire/message_limits.hpp"

namespace execo::test {
namespace {

using detail::body_of;
using detail::frame;
using detail::frame_type;
using detail::header_of;
using detail::index_ranges;
using detail::no_host;

template <class Message>
std::optional<Message> decoded(const Message& like, std::string_view body) {
  frame f = header_of(like);
  f.body = body;
  return Message::decode(f);
}

template <class Message>
bool is_decoded(const Message& message) {
  return decoded(message, body_of(message)).has_value();
}

TEST(messages, come_back_from_their_bytes) {
  random_messages random(31);
  for (int round = 0; round < 300; ++round)
    for_each_message([&](auto message) {
      random.fill(message);
      const std::string body = body_of(message);
      ASSERT_LE(body.size(), detail::frame_body_limit);
      const auto back = decoded(message, body);
      ASSERT_TRUE(back) << name_of(message.type);
      ASSERT_EQ(*back, message) << name_of(message.type);
    });
}

TEST(messages, are_refused_when_a_byte_is_missing_or_too_many) {
  random_messages random(32);
  for (int round = 0; round < 20; ++round)
    for_each_message([&](auto message) {
      random.fill(message);
      const std::string body = body_of(message);
      // Those that end in bytes of any length are whole when cut there.
      const bool is_open_ended =
          message.type == frame_type::output || message.type == frame_type::input ||
          message.type == frame_type::folded || message.type == frame_type::image ||
          message.type == frame_type::part || message.type == frame_type::file_part ||
          message.type == frame_type::deliver || message.type == frame_type::say ||
          message.type == frame_type::contribute || message.type == frame_type::gathered;
      if (is_open_ended) return;
      for (std::size_t size = 0; size < body.size(); ++size)
        ASSERT_FALSE(decoded(message, std::string_view(body).substr(0, size)))
            << name_of(message.type) << ' ' << size;
      ASSERT_FALSE(decoded(message, body + '\0')) << name_of(message.type);
    });
}

// What is decoded from any bytes is encoded as the same bytes: nobody can say a thing in two ways.
TEST(messages, have_one_encoding_whatever_bytes_come) {
  random_messages random(33);
  int whole = 0;
  for (int round = 0; round < 2'000; ++round)
    for_each_message([&](auto message) {
      if (message.type == frame_type::hello) return;  // a newer one may say more
      random.fill(message);
      std::string body = body_of(message);
      for (std::uint64_t changes = random.below(3); changes > 0 && !body.empty(); --changes)
        body[random.below(body.size())] = static_cast<char>(random.below(256));
      if (const auto back = decoded(message, body)) {
        ++whole;
        ASSERT_EQ(body_of(*back), body) << name_of(message.type);
      }
    });
  EXPECT_GT(whole, 10'000);
}

TEST(messages, of_another_type_are_none) {
  detail::ping_message ping;
  const std::string body = body_of(ping);
  EXPECT_FALSE(detail::pong_message::decode(frame(frame_type::ping, 0, no_host, body)));
  EXPECT_TRUE(detail::ping_message::decode(frame(frame_type::ping, 0, no_host, body)));
}

TEST(messages, are_none_with_a_run_or_a_host_where_the_type_has_none) {
  detail::ping_message ping;
  const std::string token = body_of(ping);
  EXPECT_FALSE(detail::ping_message::decode(frame(frame_type::ping, 1, no_host, token)));
  EXPECT_FALSE(detail::ping_message::decode(frame(frame_type::ping, 0, 3, token)));
  EXPECT_TRUE(detail::cancel_message::decode(frame(frame_type::cancel, 1, 3, {})));
  EXPECT_FALSE(detail::cancel_message::decode(frame(frame_type::cancel, 0, 3, {})));
  EXPECT_FALSE(detail::revoke_message::decode(frame(frame_type::revoke, 1, 3, {})));
}

TEST(messages, have_a_set_of_one_in_the_header_and_no_empty_set) {
  detail::cancel_message cancel;
  cancel.run = 1;
  cancel.hosts = index_ranges(3);
  EXPECT_EQ(header_of(cancel).host, 3U);
  EXPECT_EQ(body_of(cancel), "");
  EXPECT_FALSE(detail::cancel_message::decode(
      frame(frame_type::cancel, 1, no_host, std::string_view("\1\3\0", 3))));
  EXPECT_FALSE(detail::cancel_message::decode(
      frame(frame_type::cancel, 1, no_host, std::string_view("\0", 1))));
  EXPECT_FALSE(detail::cancel_message::decode(
      frame(frame_type::cancel, 1, 3, std::string_view("\1\3\1", 3))));
}

TEST(messages, of_files_lead_to_no_other_folder) {
  detail::file_order_message order;
  order.run = 1;
  order.hosts = index_ranges(3);
  order.destination = "/tmp/";
  for (const char* name : {"a", ".a", "a.."}) {
    order.name = name;
    EXPECT_TRUE(is_decoded(order)) << name;
  }
  std::string body = body_of(order);
  const std::size_t at = body.find("a..");
  for (const char* name : {"../", "a/b", "/ab"}) {
    body.replace(at, 3, name);
    EXPECT_FALSE(decoded(order, body)) << name;
  }
}

TEST(messages, of_entries_lead_to_no_other_folder) {
  detail::file_entry entry;
  std::string head;
  auto back = [&] {
    head.clear();
    entry.encode(head);
    return detail::file_entry::decode(std::string_view(head).substr(2));
  };
  entry.name = "sub/a/b";
  ASSERT_TRUE(back());
  EXPECT_EQ(*back(), entry);
  const std::string right = head;
  for (const char* name : {"/ub/a/b", "sub/../", "../xx/b", "sub//ab", "sub/a/.", "./b/a/b"}) {
    std::string other = right;
    other.replace(other.find("sub"), 7, name);
    EXPECT_FALSE(detail::file_entry::decode(std::string_view(other).substr(2))) << name;
  }
  for (std::size_t size = 2; size < right.size(); ++size)
    EXPECT_FALSE(detail::file_entry::decode(std::string_view(right).substr(2, size - 2))) << size;
}

TEST(messages, of_a_newer_child_may_say_more_in_their_hello) {
  detail::hello_message hello;
  hello.protocol_max = detail::protocol_highest + 1;
  const std::optional<detail::hello_message> back = decoded(hello, body_of(hello) + "more");
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, hello);
  hello.protocol_max = detail::protocol_highest;
  EXPECT_FALSE(decoded(hello, body_of(hello) + "more"));
}

TEST(messages, with_values_out_of_bounds_are_refused) {
  const std::string number("\x41", 1);
  EXPECT_FALSE(detail::signal_message::decode(frame(frame_type::signal, 1, 1, number)));
  // Output of standard input, and none at all.
  EXPECT_FALSE(detail::output_message::decode(
      frame(frame_type::output, 1, 1, std::string_view("\0\0x", 3))));
  EXPECT_TRUE(detail::output_message::decode(
      frame(frame_type::output, 1, 1, std::string_view("\1\0x", 3))));
  EXPECT_FALSE(
      detail::output_message::decode(frame(frame_type::output, 1, 1, std::string_view("\1\0", 2))));
  // An offset from which the bytes wrap.
  EXPECT_FALSE(detail::output_message::decode(frame(
      frame_type::output, 1, 1, std::string("\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12))));
}

TEST(messages, about_work_name_each_host_once_and_in_order) {
  detail::work_message work;
  for (std::uint32_t index : {3U, 4U}) {
    work.items.emplace_back().index = index;
    work.items.back().name = "n";
  }
  std::string body = body_of(work);
  EXPECT_TRUE(is_decoded(work));
  body[1] = 4;  // the index of the first item
  EXPECT_FALSE(decoded(work, body));
}

TEST(messages, carry_any_command_text_unchanged) {
  std::string text;
  for (int byte = 1; byte < 256; ++byte) text += static_cast<char>(byte);
  detail::execute_message execute;
  execute.run = 1;
  execute.hosts = index_ranges(0, 9);
  execute.words = {text};
  const auto back = decoded(execute, body_of(execute));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->words.front(), text);
}

// The bytes of a command with the fields of `order`, which say that it is a connection: what is no
// connection cannot be encoded as one.
std::string body_as_connection(detail::execute_message order) {
  order.form = detail::command_form::words;
  std::string body = body_of(order);
  body[0] = static_cast<char>(detail::command_form::connection);  // the first field
  return body;
}

// A connection has an address that is one, and nothing else that a command has.
TEST(messages, of_connections_say_where_to_and_no_more) {
  detail::execute_message right;
  right.run = 1;
  right.hosts = index_ranges(0);
  right.form = detail::command_form::connection;
  right.words = {detail::connection_word(0x1234, std::string_view("\x7f\0\0\1", 4))};
  right.flags = static_cast<std::uint8_t>(detail::execute_flag::input);
  EXPECT_EQ(right.words.front(), "12347f000001");
  EXPECT_TRUE(is_decoded(right));
  EXPECT_EQ(body_as_connection(right), body_of(right));
  detail::execute_message order = right;
  for (const char* word : {"", "1234", "12347f00000", "12347F000001", "12347f00000g", "/bin/sh",
                           "12347f0000010000000000000000000000000000000000"}) {
    order.words = {word};
    EXPECT_FALSE(decoded(order, body_as_connection(order))) << word;
  }
  order = right;
  order.words.push_back(order.words.front());
  EXPECT_FALSE(decoded(order, body_as_connection(order)));
  for (std::uint8_t flags : {0, 3, 5, 9}) {
    order = right;
    order.flags = flags;
    order.talk = order.has(detail::execute_flag::talk) ? 1 : 0;
    EXPECT_FALSE(decoded(order, body_as_connection(order))) << int{flags};
  }
  order = right;
  order.directory = "/";
  EXPECT_FALSE(decoded(order, body_as_connection(order)));
  order = right;
  order.environment.emplace_back("PATH", "/");
  EXPECT_FALSE(decoded(order, body_as_connection(order)));
}

// The largest that the limits allow fit into a frame.
TEST(messages, at_their_limits_fit_into_a_frame) {
  detail::ended_message end;
  end.run = 1;
  end.text.assign(detail::reason_limit, 'x');
  detail::host_measure of;
  of.elapsed_us = of.output = of.errors = of.output_dropped = of.errors_dropped = ~std::uint64_t{0};
  for (std::uint32_t i = 0; i < detail::measured_hosts_limit; ++i) {
    end.hosts.append(i * 4'000'000, i * 4'000'000);
    end.measures.push_back(of);
  }
  EXPECT_LE(body_of(end).size(), detail::frame_body_limit);
  EXPECT_TRUE(is_decoded(end));

  index_ranges set;
  for (std::uint32_t i = 0; set.encoded_size() < detail::set_limit - 8; i += 300) set.append(i, i);
  detail::folded_message folded;
  folded.run = 1;
  folded.hosts = set;
  const std::string bytes(detail::chunk_limit, 'x');
  folded.bytes = bytes;
  EXPECT_LE(body_of(folded).size(), detail::frame_body_limit);
  EXPECT_TRUE(is_decoded(folded));
}

TEST(messages, of_work_hold_as_many_hosts_as_fit) {
  std::vector<detail::work_item> left;
  for (std::uint32_t index = 0; index < 300; ++index) {
    detail::work_item& item = left.emplace_back();
    item.index = index;
    item.name = std::string(detail::name_limit, 'n');
    item.user = std::string(detail::name_limit, 'u');
    item.key = std::string(index % 7 == 0 ? detail::host_key_limit : 80, 'k');
  }
  std::uint32_t next = 0;
  std::size_t messages = 0;
  for (; !left.empty(); ++messages) {
    detail::work_message taken = detail::take_work(left);
    ASSERT_LE(body_of(taken).size(), detail::frame_body_limit);
    ASSERT_TRUE(is_decoded(taken));
    for (const detail::work_item& item : taken.items) EXPECT_EQ(item.index, next++);
  }
  EXPECT_EQ(next, 300U);
  EXPECT_LE(messages, 5U);
}

}  // namespace
}  // namespace execo::test
