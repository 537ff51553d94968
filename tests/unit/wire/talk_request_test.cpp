#include "wire/talk_request.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "wire/codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::test {
namespace {

using detail::index_ranges;
using detail::read_talk_request;
using detail::reduce_kind;
using detail::reduce_operation;
using detail::reduce_value;
using detail::wire_writer;

std::string send_packet(bool to_all, std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges,
                        const std::string& bytes) {
  std::string packet;
  wire_writer into(packet);
  into.u8(0);
  into.boolean(to_all);
  into.u16(static_cast<std::uint16_t>(ranges.size()));
  for (auto [first, last] : ranges) {
    into.u32(first);
    into.u32(last);
  }
  return packet + bytes;
}

std::string reduce_packet(std::uint8_t operation, std::uint8_t kind, std::uint64_t bits,
                          const std::string& text) {
  std::string packet;
  wire_writer into(packet);
  into.u8(2);
  into.u8(operation);
  into.u8(kind);
  into.u64(bits);
  return packet + text;
}

TEST(talk_requests, send_to_ranks_in_any_order) {
  const std::string packet = send_packet(false, {{7, 9}, {1, 3}, {2, 4}}, "text");
  const auto read = read_talk_request(packet);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->to_ranks, index_ranges(1, 4) | index_ranges(7, 9));
  EXPECT_FALSE(read->to_all);
  EXPECT_EQ(read->bytes, "text");
}

TEST(talk_requests, are_none_out_of_their_bounds) {
  EXPECT_FALSE(read_talk_request(""));
  EXPECT_FALSE(read_talk_request("\x03"));
  EXPECT_FALSE(read_talk_request(send_packet(false, {}, "to nobody")));
  EXPECT_FALSE(read_talk_request(send_packet(true, {{1, 1}}, "to all and one")));
  EXPECT_FALSE(read_talk_request(send_packet(false, {{2, 1}}, "backwards")));
  EXPECT_FALSE(read_talk_request(send_packet(false, {{1, 0xffff'ffff}}, "above all")));
  EXPECT_TRUE(read_talk_request(send_packet(true, {}, std::string(detail::talk_limit, 'x'))));
  EXPECT_FALSE(read_talk_request(send_packet(true, {}, std::string(detail::talk_limit + 1, 'x'))));
  EXPECT_FALSE(read_talk_request(std::string("\x01\x00\x00\x00", 4)));
  EXPECT_FALSE(read_talk_request(reduce_packet(6, 0, 0, "")));
  EXPECT_FALSE(read_talk_request(reduce_packet(1, 2, 0, "")));
  EXPECT_FALSE(read_talk_request(reduce_packet(1, 0, 0, "a number has no text")));
  EXPECT_FALSE(read_talk_request(reduce_packet(0, 0, 1, "")));
  EXPECT_TRUE(read_talk_request(reduce_packet(5, 0, 0, std::string(4'096, 'x'))));
  EXPECT_FALSE(read_talk_request(reduce_packet(5, 0, 0, std::string(4'097, 'x'))));
}

reduce_value value_of(reduce_operation operation, auto number) {
  reduce_value made;
  made.operation = operation;
  made.set(number);
  return made;
}

TEST(reduce_values, of_integers_stay_exact) {
  constexpr std::int64_t large = (std::int64_t{1} << 60) + 1;
  reduce_value sum = value_of(reduce_operation::sum, large);
  sum.join(value_of(reduce_operation::sum, std::int64_t{-3}));
  EXPECT_EQ(sum.kind, reduce_kind::integer);
  EXPECT_EQ(sum.integer(), large - 3);
  reduce_value least = value_of(reduce_operation::minimum, std::int64_t{5});
  least.join(value_of(reduce_operation::minimum, std::int64_t{-7}));
  EXPECT_EQ(least.integer(), -7);
  reduce_value most = value_of(reduce_operation::maximum, std::int64_t{5});
  most.join(value_of(reduce_operation::maximum, std::int64_t{-7}));
  EXPECT_EQ(most.integer(), 5);
}

TEST(reduce_values, are_reals_once_one_of_them_is) {
  reduce_value sum = value_of(reduce_operation::sum, std::int64_t{2});
  sum.join(value_of(reduce_operation::sum, 0.5));
  EXPECT_EQ(sum.kind, reduce_kind::real);
  EXPECT_EQ(sum.real(), 2.5);
  sum.join(value_of(reduce_operation::sum, std::int64_t{-3}));
  EXPECT_EQ(sum.real(), -0.5);
}

}  // namespace
}  // namespace execo::test
