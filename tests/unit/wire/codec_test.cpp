#include "wire/codec.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace execo::test {
namespace {

using detail::wire_reader;
using detail::wire_writer;

template <class Integer>
std::string varint_of(Integer value) {
  std::string bytes;
  wire_writer(bytes).varint(value);
  return bytes;
}

template <class Integer>
bool reads_varint(std::string_view bytes) {
  wire_reader from(bytes);
  Integer value = 0;
  from.varint(value);
  return from.finished();
}

TEST(codec, writes_numbers_in_little_endian) {
  std::string bytes;
  wire_writer into(bytes);
  into.u8(1);
  into.u16(0x0203);
  into.u32(0x04050607);
  into.u64(0x08090a0b0c0d0e0f);
  EXPECT_EQ(bytes, "\x01\x03\x02\x07\x06\x05\x04\x0f\x0e\x0d\x0c\x0b\x0a\x09\x08");
  wire_reader from(bytes);
  std::uint8_t a = 0;
  std::uint16_t b = 0;
  std::uint32_t c = 0;
  std::uint64_t d = 0;
  from.u8(a);
  from.u16(b);
  from.u32(c);
  from.u64(d);
  EXPECT_TRUE(from.finished());
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 0x0203);
  EXPECT_EQ(c, 0x04050607U);
  EXPECT_EQ(d, 0x08090a0b0c0d0e0fU);
}

TEST(codec, reads_each_varint_that_it_writes) {
  for (unsigned shift = 0; shift < 64; ++shift)
    for (std::uint64_t step : {0, 1, 2}) {
      const std::uint64_t value = (std::uint64_t{1} << shift) + step - 1;
      const std::string bytes = varint_of(value);
      wire_reader from(bytes);
      std::uint64_t read = 0;
      from.varint(read);
      ASSERT_TRUE(from.finished());
      ASSERT_EQ(read, value);
    }
  EXPECT_EQ(varint_of(std::uint64_t{300}), "\xac\x02");
  EXPECT_TRUE(reads_varint<std::uint64_t>(varint_of(std::numeric_limits<std::uint64_t>::max())));
}

TEST(codec, refuses_varints_that_are_cut_too_long_or_too_large) {
  EXPECT_FALSE(reads_varint<std::uint64_t>(""));
  EXPECT_FALSE(reads_varint<std::uint64_t>("\x80"));
  EXPECT_FALSE(reads_varint<std::uint64_t>(std::string("\x80\0", 2)));  // a longer zero
  EXPECT_FALSE(reads_varint<std::uint64_t>(std::string("\xff\0", 2)));
  EXPECT_FALSE(reads_varint<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
  EXPECT_FALSE(reads_varint<std::uint64_t>("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  EXPECT_TRUE(reads_varint<std::uint32_t>("\xff\xff\xff\xff\x0f"));
  EXPECT_FALSE(reads_varint<std::uint32_t>("\xff\xff\xff\xff\x1f"));
}

TEST(codec, bounds_texts_by_their_limit_and_by_the_bytes_left) {
  std::string bytes;
  wire_writer(bytes).text("hello", 5);
  std::string text;
  wire_reader whole(bytes);
  whole.text(text, 5);
  EXPECT_TRUE(whole.finished());
  EXPECT_EQ(text, "hello");

  wire_reader limited(bytes);
  limited.text(text, 4);
  EXPECT_FALSE(limited.ok());
  EXPECT_EQ(text, "");

  wire_reader cut(std::string_view(bytes).substr(0, 5));
  cut.text(text, 5);
  EXPECT_FALSE(cut.ok());
}

TEST(codec, takes_no_zero_byte_in_a_word) {
  const std::string bytes(
      "\x03"
      "a\0b",
      4);
  std::string text;
  wire_reader as_text(bytes);
  as_text.text(text, 5);
  EXPECT_TRUE(as_text.finished());
  wire_reader as_word(bytes);
  as_word.word(text, 5);
  EXPECT_FALSE(as_word.ok());
}

TEST(codec, fails_for_good) {
  wire_reader from("\x02");
  bool flag = true;
  from.boolean(flag);
  EXPECT_FALSE(from.ok());
  EXPECT_FALSE(flag);
  std::uint8_t value = 5;
  from.u8(value);
  EXPECT_EQ(value, 0);
  EXPECT_FALSE(from.ok());
}

TEST(codec, reserves_nothing_for_a_count_that_the_bytes_cannot_hold) {
  const std::string bytes = varint_of(std::uint64_t{1'000'000}) + "abc";
  std::vector<std::uint8_t> items;
  wire_reader from(bytes);
  from.list(items, 2'000'000, [](wire_reader& c, std::uint8_t& item) { c.u8(item); });
  EXPECT_FALSE(from.ok());
  EXPECT_EQ(items.capacity(), 0U);
}

}  // namespace
}  // namespace execo::test
