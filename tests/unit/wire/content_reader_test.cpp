#include "wire/content_reader.hpp"

#include <gtest/gtest.h>

namespace execo::test {
namespace {

using detail::content_reader;
using detail::file_part_limit;

TEST(content_reader, is_given_nothing_that_it_has_not_asked_for) {
  content_reader one(7);
  EXPECT_EQ(one.key(), 7U);
  EXPECT_EQ(one.next_size(1'000), 0U);
  one.want(1);
  EXPECT_TRUE(one.is_open());
  // A part goes whole where there is any room.
  EXPECT_EQ(one.next_size(1'000), 1'000U);
  one.sent(1'000);
  EXPECT_EQ(one.next_size(2'000), 0U);
}

TEST(content_reader, gets_parts_of_one_size_and_a_last_one) {
  content_reader one(1);
  one.want(detail::content_window);
  EXPECT_EQ(one.next_size(file_part_limit + 5), file_part_limit);
  one.sent(file_part_limit);
  EXPECT_EQ(one.next_size(file_part_limit + 5), 5U);
  one.sent(5);
  EXPECT_EQ(one.next(), file_part_limit + 5);
  EXPECT_EQ(one.next_size(file_part_limit + 5), 0U);
}

TEST(content_reader, has_at_most_a_window_of_room_however_much_it_asks_for) {
  content_reader one(1);
  for (int i = 0; i < 100; ++i) one.want(0xffff'ffff);
  std::uint64_t sent = 0;
  for (std::size_t size = 0; (size = one.next_size(std::uint64_t{1} << 40)) > 0; sent += size)
    one.sent(size);
  EXPECT_LT(sent, detail::content_window + file_part_limit);
}

TEST(content_reader, that_is_over_does_not_begin_anew) {
  content_reader one(1);
  one.want(1'000);
  one.end();
  one.want(1'000);
  EXPECT_FALSE(one.is_open());
  EXPECT_EQ(one.next_size(1'000), 0U);
}

}  // namespace
}  // namespace execo::test
