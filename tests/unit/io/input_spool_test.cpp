#include "io/input_spool.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "random_bytes.hpp"
#include "temp_folder.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t kibibyte = 1024;

class input_spools : public testing::Test {
 protected:
  input_spools() { ::setenv("TMPDIR", (folder_ / "").c_str(), 1); }
  ~input_spools() override { ::unsetenv("TMPDIR"); }

  static std::string all_of(const input_spool& spool) {
    std::string text;
    char piece[5000];
    while (text.size() < spool.size()) {
      std::span<const char> bytes = spool.in_memory(text.size());
      if (bytes.empty()) {
        ssize_t n = spool.read_file(text.size(), piece);
        EXPECT_GT(n, 0);
        if (n <= 0) break;
        bytes = {piece, static_cast<std::size_t>(n)};
      }
      text.append(bytes.data(), bytes.size());
    }
    return text;
  }

  test::temp_folder folder_;
};

TEST_F(input_spools, what_came_can_be_read_again_and_again) {
  input_spool spool(200 * kibibyte);
  const std::string bytes = test::random_bytes(1).take(700 * kibibyte);
  std::size_t given = 0;
  for (std::size_t size :
       {std::size_t{1}, 99 * kibibyte, 64 * kibibyte, 100 * kibibyte, 3 * kibibyte}) {
    ASSERT_FALSE(spool.append({bytes.data() + given, size}));
    given += size;
  }
  EXPECT_TRUE(all_of(spool) == bytes.substr(0, given));
  ASSERT_FALSE(spool.append({bytes.data() + given, bytes.size() - given}));
  EXPECT_TRUE(all_of(spool) == bytes);
  EXPECT_TRUE(all_of(spool) == bytes);
}

TEST_F(input_spools, bytes_in_memory_stay_where_they_are) {
  input_spool spool(1024 * kibibyte);
  ASSERT_FALSE(spool.append(std::string_view("begin")));
  const char* first = spool.in_memory(0).data();
  const std::string more(900 * kibibyte, 'x');
  ASSERT_FALSE(spool.append(more));
  EXPECT_EQ(spool.in_memory(0).data(), first);
  EXPECT_EQ(std::string(spool.in_memory(0).data(), 6), "beginx");
}

TEST_F(input_spools, the_file_has_no_name) {
  input_spool spool(1);
  ASSERT_FALSE(spool.append(std::string_view("much more than a byte")));
  EXPECT_EQ(all_of(spool), "much more than a byte");
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / ""));
}

TEST_F(input_spools, a_file_that_cannot_be_made_is_an_error_and_nothing_was_taken) {
  const std::string missing = folder_ / "missing";
  ::setenv("TMPDIR", missing.c_str(), 1);
  input_spool spool(4);
  ASSERT_FALSE(spool.append(std::string_view("123")));
  EXPECT_TRUE(spool.append(std::string_view("456")) == std::errc::no_such_file_or_directory);
  EXPECT_EQ(spool.folder(), missing);
  EXPECT_EQ(spool.size(), 3U);
  EXPECT_EQ(all_of(spool), "123");
}

}  // namespace
}  // namespace execo::detail
