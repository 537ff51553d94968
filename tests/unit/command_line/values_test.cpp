#include "command_line/values.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace execo::command_line {
namespace {

enum class mode { automatic, always, never };

given_option given(std::string_view value) { return {nullptr, "--size", value}; }

std::string complaint(const std::function<void()>& read) {
  try {
    read();
  } catch (const usage_error& error) {
    return error.what();
  }
  return "none";
}

TEST(option_values, sizes_are_powers_of_1024) {
  EXPECT_EQ(bytes(given("0")), 0u);
  EXPECT_EQ(bytes(given("4096")), 4096u);
  EXPECT_EQ(bytes(given("3k")), 3072u);
  EXPECT_EQ(bytes(given("1G")), std::size_t{1} << 30);
  for (const char* wrong : {"", "-1", "1KB", "99999999999999999G"})
    EXPECT_THROW((void)bytes(given(wrong)), usage_error) << wrong;
  EXPECT_EQ(complaint([] { (void)bytes(given("9Q")); }),
            "--size '9Q': expected bytes: 4096, 64K, 1M or 1G");
}

TEST(option_values, numbers_have_bounds) {
  EXPECT_EQ(number(given("0"), 0, 5), 0u);
  EXPECT_EQ(number(given("5"), 0, 5), 5u);
  for (const char* wrong : {"", "6", "-1", "+1", " 1", "1 ", "99999999999999999999"})
    EXPECT_EQ(complaint([&] { (void)number(given(wrong), 0, 5); }),
              fmt::format("--size '{}': expected a number from 0 to 5", wrong));
}

TEST(option_values, a_choice_lists_its_words) {
  EXPECT_EQ(choose(given("never"), auto_always_never<mode>), mode::never);
  EXPECT_EQ(complaint([] { (void)choose(given("no"), auto_always_never<mode>); }),
            "--size 'no': choose from auto, always, never");
}

TEST(option_values, control_characters_are_shown_and_refused) {
  EXPECT_EQ(plain_text(given("me")), "me");
  EXPECT_EQ(complaint([] { (void)plain_text(given("a\x1b[2J")); }),
            "--size 'a^[[2J': control characters are not allowed here");
  EXPECT_EQ(complaint([] { (void)plain_text(given("")); }),
            "--size '': give a value that is not empty");
}

TEST(option_values, spans_of_time_have_units) {
  EXPECT_EQ(time_span(given("500ms")), std::chrono::milliseconds(500));
  EXPECT_THAT(complaint([] { (void)time_span(given("soon")); }),
              testing::StartsWith("--size: 'soon'"));
}

}  // namespace
}  // namespace execo::command_line
