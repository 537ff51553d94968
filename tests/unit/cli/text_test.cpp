#include "cli/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace execo::cli {
namespace {

using testing::ElementsAre;

TEST(text, json_gets_escapes_for_what_would_break_its_line) {
  EXPECT_EQ(escape_breaks("\"a\xc2\x85\xe2\x80\xa8\xe2\x80\xa9\x7f\xc2\x9b\""),
            R"("a\u0085\u2028\u2029\u007f\u009b")");
  std::string_view others = "\"\xc2\xa0\xe2\x80\xa7\xe2\x80\xaa\xc3\x85\xe2\x82\xa8\"";
  EXPECT_EQ(escape_breaks(others), others);
}

TEST(text, base64_is_that_of_rfc_4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(text, lines_end_in_lf_or_cr_lf_and_the_last_may_not_end) {
  std::vector<std::string> lines;
  for_each_line("a\r\n\nb\rc\nlast\r", [&](std::string_view l) { lines.emplace_back(l); });
  EXPECT_THAT(lines, ElementsAre("a", "", "b\rc", "last\r"));
}

}  // namespace
}  // namespace execo::cli
