#include "wire/content_digests.hpp"

#include <gtest/gtest.h>

#include <string>

#include "random_bytes.hpp"
#include "wire/blake2b.hpp"
#include "wire/file_messages.hpp"

namespace execo::test {
namespace {

using detail::bytes16;
using detail::content_digests;

std::string text_of(const bytes16& digest) { return std::string(digest.data(), digest.size()); }

// Written down once more: four pieces of whole blocks, then their digests and the length.
bytes16 digest_by_hand(const std::string& bytes) {
  constexpr std::size_t block = 128;
  const std::size_t each = ((bytes.size() + block - 1) / block + 3) / 4 * block;
  std::string all;
  for (std::size_t i = 0; i < 4; ++i)
    all += text_of(
        detail::blake2b128(std::string_view(bytes).substr(std::min(i * each, bytes.size()), each)));
  for (int shift = 0; shift < 64; shift += 8)
    all += static_cast<char>(std::uint64_t{bytes.size()} >> shift & 0xff);
  return detail::blake2b128(all);
}

TEST(part_digest, is_the_same_by_each_way_for_each_length) {
  const std::string bytes = random_bytes(1).take(detail::file_part_limit);
  for (std::size_t size = 0; size < 2'100; ++size) {
    const std::string front = bytes.substr(0, size);
    const bytes16 expected = digest_by_hand(front);
    ASSERT_EQ(detail::part_digest(front), expected) << size;
    ASSERT_EQ(detail::part_digest_by_blake2b(front), expected) << size;
  }
  EXPECT_EQ(detail::part_digest(bytes), digest_by_hand(bytes));
}

TEST(part_digest, is_another_one_whatever_byte_is_changed) {
  std::string bytes = random_bytes(2).take(1'500);
  const bytes16 before = detail::part_digest(bytes);
  for (char& byte : bytes) {
    byte = static_cast<char>(byte ^ 16);
    EXPECT_NE(detail::part_digest(bytes), before);
    byte = static_cast<char>(byte ^ 16);
  }
}

class digests_of_a_content : public testing::Test {
 protected:
  static bytes16 part(int number) {
    bytes16 made{};
    made[0] = static_cast<char>(number);
    return made;
  }
  static content_digests of(int parts) {
    content_digests made;
    for (int i = 0; i < parts; ++i) made.add(part(i));
    return made;
  }
};

TEST_F(digests_of_a_content, depend_on_the_order) {
  content_digests other;
  other.add(part(1));
  other.add(part(0));
  EXPECT_NE(of(2).whole(), other.whole());
  EXPECT_EQ(of(0).whole(), bytes16());
}

TEST_F(digests_of_a_content, say_what_that_of_its_beginning_was) {
  const content_digests ten = of(10);
  for (int i = 0; i <= 10; ++i)
    EXPECT_EQ(ten.front(static_cast<std::uint64_t>(i)), of(i).whole()) << i;
  EXPECT_FALSE(ten.front(11));
}

TEST_F(digests_of_a_content, are_those_that_were_added_whatever_the_bytes_are_now) {
  const content_digests two = of(2);
  EXPECT_EQ(two.of(0, "changed"), part(0));
  EXPECT_EQ(two.of(detail::file_part_limit, "changed"), part(1));
  EXPECT_EQ(two.of(2 * detail::file_part_limit, "new"), detail::part_digest("new"));
}

TEST_F(digests_of_a_content, are_kept_of_so_many_parts_and_no_more) {
  content_digests many;
  for (std::size_t i = 0; i < content_digests::max_kept + 2; ++i) many.add(part(1));
  const std::uint64_t last = content_digests::max_kept * detail::file_part_limit;
  EXPECT_EQ(many.of(last - detail::file_part_limit, "other"), part(1));
  EXPECT_EQ(many.of(last, "other"), detail::part_digest("other"));
  EXPECT_TRUE(many.front(content_digests::max_kept));
  EXPECT_FALSE(many.front(content_digests::max_kept + 1));
  EXPECT_EQ(many.front(content_digests::max_kept + 2), many.whole());
}

}  // namespace
}  // namespace execo::test
