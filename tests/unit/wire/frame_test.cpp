#include "wire/frame.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "random_bytes.hpp"

namespace execo::test {
namespace {

using detail::append_frame;
using detail::flow;
using detail::frame;
using detail::frame_body_limit;
using detail::frame_header_size;
using detail::frame_reader;
using detail::frame_type;
using detail::no_host;
using detail::wire_fault;

std::string one(frame_type type, std::string_view body, std::uint16_t sequence = 0) {
  std::string bytes;
  append_frame(bytes, frame(type, 7, 9, body), sequence);
  return bytes;
}

// What one byte changed makes of a frame that was right.
std::string with_byte(std::string bytes, std::size_t at, int value) {
  bytes[at] = static_cast<char>(value);
  return bytes;
}

wire_fault fault_of(std::string_view bytes, flow from = flow::up) {
  frame_reader reader(from);
  while (reader.next(bytes)) continue;
  return reader.fault();
}

std::string shown(const frame& f) {
  return std::string(name_of(f.type)) + ' ' + std::to_string(f.run) + ' ' + std::to_string(f.host) +
         ' ' + std::string(f.body);
}

TEST(frame_bytes, are_those_of_the_document) {
  std::string bytes;
  append_frame(bytes, frame(frame_type::pong, 0, no_host, "abc"), 0x0102);
  EXPECT_EQ(bytes.substr(0, 16),
            std::string("\x03\0\0\0\x49\0\x02\x01\0\0\0\0\xff\xff\xff\xff", 16));
  EXPECT_EQ(bytes.substr(frame_header_size), "abc");
}

TEST(frame_reader, gives_a_frame_in_the_bytes_given_without_a_copy) {
  const std::string bytes = one(frame_type::output, "hello") + one(frame_type::output, "", 1);
  std::string_view left(bytes);
  frame_reader reader(flow::up);
  const std::optional<frame> first = reader.next(left);
  ASSERT_TRUE(first);
  EXPECT_EQ(shown(*first), "output 7 9 hello");
  EXPECT_EQ(first->body.data(), bytes.data() + frame_header_size);
  const std::optional<frame> second = reader.next(left);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->body, "");
  EXPECT_FALSE(reader.next(left));
  EXPECT_TRUE(left.empty());
  EXPECT_FALSE(reader.in_frame());
}

TEST(frame_reader, finds_the_same_frames_however_the_bytes_are_cut) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 200; ++round) {
    std::string bytes;
    std::vector<std::string> sent;
    for (std::uint16_t i = 0; i < 20; ++i) {
      const std::string body = random_bytes(random()).take(random() % (i % 5 == 0 ? 9'000 : 40));
      const frame f(frame_type::output, 1 + i, i, body);
      append_frame(bytes, f, i);
      sent.push_back(shown(f));
    }
    frame_reader reader(flow::up);
    std::vector<std::string> received;
    for (std::string_view left(bytes); !left.empty();) {
      std::string_view part = left.substr(0, 1 + random() % (round % 2 == 0 ? 7 : 5'000));
      left.remove_prefix(part.size());
      const std::string copy(part);  // so that reading beyond it is found
      part = copy;
      while (std::optional<frame> f = reader.next(part)) received.push_back(shown(*f));
      ASSERT_TRUE(part.empty());
    }
    ASSERT_EQ(received, sent);
    ASSERT_EQ(reader.fault(), wire_fault::none);
  }
}

TEST(frame_reader, counts_frames_beyond_what_the_sequence_can) {
  std::string bytes;
  for (std::uint32_t i = 0; i < 70'000; ++i)
    append_frame(bytes, frame(frame_type::pong, 0, no_host, {}), static_cast<std::uint16_t>(i));
  std::string_view left(bytes);
  frame_reader reader(flow::up);
  int count = 0;
  while (reader.next(left)) ++count;
  EXPECT_EQ(count, 70'000);
}

TEST(frame_reader, says_that_it_is_in_a_frame) {
  const std::string bytes = one(frame_type::output, "hello");
  frame_reader reader(flow::up);
  std::string_view part = std::string_view(bytes).substr(0, 22);
  EXPECT_FALSE(reader.next(part));
  EXPECT_TRUE(reader.in_frame());
  part = std::string_view(bytes).substr(22);
  EXPECT_TRUE(reader.next(part));
  EXPECT_FALSE(reader.in_frame());
}

TEST(frame_reader, names_each_thing_that_is_wrong) {
  const std::string right = one(frame_type::output, "hello");
  EXPECT_EQ(fault_of(right), wire_fault::none);
  EXPECT_EQ(fault_of(with_byte(right, 2, 2)), wire_fault::bad_length);
  EXPECT_EQ(fault_of(with_byte(right, 4, 0x3f)), wire_fault::unknown_type);
  EXPECT_EQ(fault_of(with_byte(right, 4, 0x06)), wire_fault::wrong_direction);
  EXPECT_EQ(fault_of(with_byte(right, 5, 1)), wire_fault::bad_flags);
  EXPECT_EQ(fault_of(with_byte(right, 6, 1)), wire_fault::bad_sequence);
  for (std::size_t at : {8U, 12U, 16U, 20U, 24U})
    EXPECT_EQ(fault_of(with_byte(right, at, 0x55)), wire_fault::bad_checksum) << at;
  EXPECT_EQ(fault_of(right, flow::down), wire_fault::wrong_direction);
  EXPECT_EQ(fault_of("Welcome to node7! Have a nice day.\n"), wire_fault::bad_length);
}

TEST(frame_reader, lets_no_frame_be_lost_repeated_or_put_in) {
  const std::string first = one(frame_type::output, "a");
  EXPECT_EQ(fault_of(first + first), wire_fault::bad_sequence);
  EXPECT_EQ(fault_of(first + one(frame_type::output, "c", 2)), wire_fault::bad_sequence);
}

TEST(frame_reader, takes_the_longest_body_and_no_longer_one) {
  const std::string longest(frame_body_limit, 'x');
  EXPECT_EQ(fault_of(one(frame_type::output, longest)), wire_fault::none);
  std::string header = one(frame_type::output, "").substr(0, frame_header_size);
  header[0] = 1;
  header[2] = 1;  // 65,537
  EXPECT_EQ(fault_of(header), wire_fault::bad_length);
}

TEST(frame_reader, gives_nothing_more_behind_a_fault) {
  const std::string bytes = with_byte(one(frame_type::output, "a"), 20, 'b');
  frame_reader reader(flow::up);
  std::string_view left(bytes);
  EXPECT_FALSE(reader.next(left));
  const std::string right = one(frame_type::output, "a");
  left = right;
  EXPECT_FALSE(reader.next(left));
  EXPECT_EQ(left.size(), right.size());
}

TEST(frame_types, flow_as_their_bits_say) {
  int known = 0;
  for (int number = 0; number < 256; ++number) {
    const auto type = static_cast<frame_type>(number);
    if (!detail::is_known(type)) continue;
    ++known;
    EXPECT_EQ(detail::may_flow(type, flow::down), number < 0x40 || number >= 0x80);
    EXPECT_EQ(detail::may_flow(type, flow::up), number >= 0x40);
    EXPECT_LT(number, 0xc0);
    EXPECT_FALSE(detail::name_of(type).empty());
  }
  EXPECT_EQ(known, 39);
}

TEST(wire_faults, have_words_of_their_own) {
  std::vector<std::string_view> all;
  for (int i = 0; i <= static_cast<int>(wire_fault::refused); ++i) {
    const std::string_view words = words_of(static_cast<wire_fault>(i));
    EXPECT_THAT(all, ::testing::Not(::testing::Contains(words)));
    EXPECT_NE(words, "an unknown fault");
    all.push_back(words);
  }
}

}  // namespace
}  // namespace execo::test
