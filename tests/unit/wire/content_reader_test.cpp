#include "wire/content_reader.hpp"

#include <gtest/gtest.h>

namespace execo::test {
namespace {

using detail::content_digests;
using detail::content_reader;
using detail::file_part_limit;
using detail::file_want_message;

file_want_message wish(std::uint32_t room, std::uint64_t offset = 0) {
  file_want_message made;
  made.room = room;
  made.offset = offset;
  return made;
}

TEST(content_reader, is_given_nothing_that_it_has_not_asked_for) {
  content_reader one(7);
  EXPECT_EQ(one.key(), 7U);
  EXPECT_EQ(one.next_size(1'000), 0U);
  one.want(wish(1), 2'000);
  EXPECT_TRUE(one.is_open());
  // A part goes whole where there is any room.
  EXPECT_EQ(one.next_size(1'000), 1'000U);
  one.sent(1'000);
  EXPECT_EQ(one.next_size(2'000), 0U);
}

TEST(content_reader, gets_parts_of_one_size_and_a_last_one) {
  content_reader one(1);
  one.want(wish(detail::content_window), file_part_limit + 5);
  EXPECT_EQ(one.next_size(file_part_limit + 5), file_part_limit);
  one.sent(file_part_limit);
  EXPECT_EQ(one.next_size(file_part_limit + 5), 5U);
  one.sent(5);
  EXPECT_EQ(one.next(), file_part_limit + 5);
  EXPECT_EQ(one.next_size(file_part_limit + 5), 0U);
}

TEST(content_reader, has_at_most_a_window_of_room_however_much_it_asks_for) {
  constexpr std::uint64_t size = std::uint64_t{1} << 40;
  content_reader one(1);
  for (int i = 0; i < 100; ++i) one.want(wish(0xffff'ffff), size);
  std::uint64_t sent = 0;
  for (std::size_t part = 0; (part = one.next_size(size)) > 0; sent += part) one.sent(part);
  EXPECT_LT(sent, detail::content_window + file_part_limit);
}

TEST(content_reader, that_is_over_does_not_begin_anew) {
  content_reader one(1);
  one.want(wish(1'000), 2'000);
  one.end();
  one.want(wish(1'000), 2'000);
  EXPECT_FALSE(one.is_open());
  EXPECT_EQ(one.next_size(1'000), 0U);
}

class readers_that_have_something : public testing::Test {
 protected:
  static constexpr std::uint64_t size = 3 * file_part_limit + 5;
  readers_that_have_something() {
    for (char i = 0; i < 4; ++i) digests_.add(detail::part_digest(std::string_view(&i, 1)));
  }
  content_reader with(std::uint64_t offset, const detail::bytes16& digest) const {
    file_want_message what = wish(detail::content_window, offset);
    what.digest = digest;
    content_reader made(1);
    made.want(what, size);
    return made;
  }
  content_digests digests_;
};

TEST_F(readers_that_have_something, get_the_rest_if_it_is_right) {
  content_reader one = with(2 * file_part_limit, *digests_.front(2));
  ASSERT_TRUE(one.is_comparing());
  EXPECT_EQ(one.next_size(size), 0U);
  EXPECT_EQ(one.parts_to_compare(), 2U);
  one.compare(digests_);
  EXPECT_EQ(one.next(), 2 * file_part_limit);
  EXPECT_EQ(one.next_size(size), file_part_limit);
}

TEST_F(readers_that_have_something, get_all_if_it_is_something_else) {
  content_reader one = with(2 * file_part_limit, *digests_.front(3));
  one.compare(digests_);
  EXPECT_EQ(one.next(), 0U);
  EXPECT_EQ(one.next_size(size), file_part_limit);
}

TEST_F(readers_that_have_something, may_have_all) {
  content_reader one = with(size, digests_.whole());
  ASSERT_TRUE(one.is_comparing());
  EXPECT_EQ(one.parts_to_compare(), 4U);
  one.compare(digests_);
  EXPECT_EQ(one.next(), size);
}

TEST_F(readers_that_have_something, get_all_if_it_can_be_nothing_of_the_content) {
  for (std::uint64_t offset : {std::uint64_t{1}, size - 1, size + 1, ~std::uint64_t{0}}) {
    const content_reader one = with(offset, digests_.whole());
    EXPECT_TRUE(one.is_open()) << offset;
    EXPECT_EQ(one.next(), 0U) << offset;
  }
}

}  // namespace
}  // namespace execo::test
