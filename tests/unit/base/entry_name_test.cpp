#include "base/entry_name.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace execo::test {
namespace {

TEST(entry_name, leads_to_no_other_directory) {
  for (std::string_view name : {"a", ".a", "a..", "...", " ", "\n", "\\"})
    EXPECT_TRUE(detail::is_entry_name(name)) << name;
  for (std::string_view name : {"", ".", "..", "/", "a/", "/a", "../a", "a/b"})
    EXPECT_FALSE(detail::is_entry_name(name)) << name;
  EXPECT_FALSE(detail::is_entry_name(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace execo::test
