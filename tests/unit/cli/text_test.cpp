#include "cli/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace execo::cli {
namespace {

using testing::ElementsAre;

TEST(text, lines_end_in_lf_or_cr_lf_and_the_last_may_not_end) {
  std::vector<std::string> lines;
  for_each_line("a\r\n\nb\rc\nlast\r", [&](std::string_view l) { lines.emplace_back(l); });
  EXPECT_THAT(lines, ElementsAre("a", "", "b\rc", "last\r"));
}

}  // namespace
}  // namespace execo::cli
