#include "shape/copy_shape.hpp"

#include <gtest/gtest.h>

namespace execo::test {
namespace {

using detail::copy_arity;

constexpr std::uint64_t mega = 1'000'000;

TEST(copy_shape, is_that_of_commands_for_a_small_file) {
  for (std::uint64_t hosts : {1U, 10U, 1'000U, 100'000U}) {
    EXPECT_EQ(copy_arity(hosts, 0), 0U) << hosts;
    EXPECT_EQ(copy_arity(hosts, 100'000), 0U) << hosts;
  }
}

TEST(copy_shape, has_two_children_for_each_host_for_a_large_file) {
  for (std::uint64_t hosts : {50U, 1'000U, 100'000U})
    EXPECT_EQ(copy_arity(hosts, 1'000 * mega), 2U) << hosts;
}

TEST(copy_shape, has_fewer_children_the_larger_the_file_is) {
  for (std::uint64_t hosts : {10U, 1'000U, 10'000U}) {
    unsigned before = 1'000;
    for (std::uint64_t bytes = mega; bytes < 100'000 * mega; bytes *= 2) {
      const unsigned arity = copy_arity(hosts, bytes);
      if (arity == 0) {
        EXPECT_EQ(before, 1'000U);
        continue;
      }
      EXPECT_LE(arity, before) << hosts << ' ' << bytes;
      before = arity;
    }
    EXPECT_LE(before, 2U) << hosts;
  }
}

}  // namespace
}  // namespace execo::test
