#include "base/crc32c.hpp"

#include <gtest/gtest.h>

#include <string>

#include "random_bytes.hpp"

namespace execo::test {
namespace {

using detail::crc32c;
using detail::crc32c_by_table;

std::string counted(bool down) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(down ? 31 - i : i));
  return bytes;
}

// RFC 3720, appendix B.4, whose bytes of a checksum stand in the order of the wire.
TEST(crc32c_checksum, is_that_of_the_vectors_of_rfc_3720) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c(counted(false)), 0x46dd794eU);
  EXPECT_EQ(crc32c(counted(true)), 0x113fdb5cU);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(crc32c_checksum, by_table_is_that_of_the_vectors_too) {
  EXPECT_EQ(crc32c_by_table(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c_by_table(std::string(32, '\xff')), 0x62a8ab43U);
  EXPECT_EQ(crc32c_by_table(counted(false)), 0x46dd794eU);
  EXPECT_EQ(crc32c_by_table(counted(true)), 0x113fdb5cU);
}

TEST(crc32c_checksum, is_the_same_by_table_whatever_the_length_and_the_place) {
  const std::string bytes = random_bytes(1).take(300);
  for (std::size_t from = 0; from < 9; ++from)
    for (std::size_t size = 0; from + size <= bytes.size(); size += 7) {
      const std::string_view part = std::string_view(bytes).substr(from, size);
      ASSERT_EQ(crc32c(part), crc32c_by_table(part)) << from << ' ' << size;
    }
}

// Long ones are computed in rows.
TEST(crc32c_checksum, of_long_bytes_is_the_same_by_table) {
  const std::string bytes = random_bytes(3).take(62'000);
  for (const std::size_t size : {6'143U, 6'144U, 6'145U, 12'287U, 12'301U, 61'440U, 61'999U})
    for (const std::uint32_t before : {0U, 1U, 0xdeadbeefU}) {
      const std::string_view part = std::string_view(bytes).substr(1, size);
      ASSERT_EQ(crc32c(part, before), crc32c_by_table(part, before)) << size << ' ' << before;
    }
}

TEST(crc32c_checksum, of_parts_is_that_of_the_whole) {
  const std::string bytes = random_bytes(2).take(100);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view whole(bytes);
    const std::uint32_t first = crc32c(whole.substr(0, cut));
    ASSERT_EQ(crc32c(whole.substr(cut), first), crc32c(whole)) << cut;
  }
}

}  // namespace
}  // namespace execo::test
