#include "io/line_splitter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace execo::test {
namespace {

using detail::line_splitter;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using lines = std::vector<std::pair<std::string, bool>>;

class collector {
 public:
  void feed(std::string_view bytes) {
    splitter_.feed(bytes, [&](std::string_view t, bool c) { got.emplace_back(t, c); });
  }
  void finish() {
    splitter_.finish([&](std::string_view t, bool c) { got.emplace_back(t, c); });
  }
  lines got;

 private:
  line_splitter splitter_;
};

lines split(std::string_view text) {
  collector c;
  c.feed(text);
  c.finish();
  return c.got;
}

TEST(line_splitter, gives_lines_without_their_end) {
  EXPECT_THAT(split("a\nbc\n"), ElementsAre(Pair("a", true), Pair("bc", true)));
  EXPECT_THAT(split("a\r\nb\r\n"), ElementsAre(Pair("a", true), Pair("b", true)));
  EXPECT_THAT(split("\n\n"), ElementsAre(Pair("", true), Pair("", true)));
  EXPECT_THAT(split(""), IsEmpty());
}

TEST(line_splitter, keeps_a_carriage_return_that_ends_no_line) {
  EXPECT_THAT(split("a\rb\n"), ElementsAre(Pair("a\rb", true)));
  EXPECT_THAT(split("a\r\r\n"), ElementsAre(Pair("a\r", true)));
  EXPECT_THAT(split("a\r"), ElementsAre(Pair("a\r", false)));
}

TEST(line_splitter, tells_that_the_last_line_has_no_end) {
  EXPECT_THAT(split("a\nb"), ElementsAre(Pair("a", true), Pair("b", false)));
}

TEST(line_splitter, finishes_once) {
  collector c;
  c.feed("x");
  c.finish();
  c.finish();
  EXPECT_THAT(c.got, ElementsAre(Pair("x", false)));
}

TEST(line_splitter, is_used_again_after_the_finish) {
  collector c;
  c.feed("x");
  c.finish();
  c.feed("y\n");
  EXPECT_THAT(c.got, ElementsAre(Pair("x", false), Pair("y", true)));
}

TEST(line_splitter, delivers_a_line_as_soon_as_its_end_is_there) {
  collector c;
  c.feed("one\ntw");
  EXPECT_THAT(c.got, ElementsAre(Pair("one", true)));
  c.feed("o\n");
  EXPECT_EQ(c.got.size(), 2U);
}

TEST(line_splitter, joins_an_end_of_line_cut_between_two_chunks) {
  collector c;
  c.feed("a\r");
  c.feed("\nb");
  c.feed("\r\n");
  EXPECT_THAT(c.got, ElementsAre(Pair("a", true), Pair("b", true)));
}

TEST(line_splitter, passes_nul_and_bytes_that_are_no_text) {
  using namespace std::string_literals;
  EXPECT_THAT(split("a\0b\xff\n"s), ElementsAre(Pair("a\0b\xff"s, true)));
}

TEST(line_splitter, cuts_a_long_line_in_pieces) {
  const std::size_t longest = line_splitter::longest;
  std::string line(2 * longest + 5, 'x');
  auto got = split(line + "\n");
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[0].first.size(), longest);
  EXPECT_FALSE(got[0].second);
  EXPECT_EQ(got[1].first.size(), longest);
  EXPECT_FALSE(got[1].second);
  EXPECT_EQ(got[2], std::make_pair(std::string(5, 'x'), true));
}

TEST(line_splitter, a_line_of_exactly_the_longest_size_comes_whole) {
  const std::size_t longest = line_splitter::longest;
  EXPECT_THAT(split(std::string(longest, 'x') + "\n"),
              ElementsAre(Pair(std::string(longest, 'x'), true)));
  EXPECT_THAT(split(std::string(longest, 'x')),
              ElementsAre(Pair(std::string(longest, 'x'), false)));
}

TEST(line_splitter, chunk_boundaries_change_nothing) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (std::size_t i = random() % 40; i > 0; --i) {
      std::size_t size =
          random() % 20 == 0 ? line_splitter::longest - 3 + random() % 6 : random() % 12;
      text += std::string(size, static_cast<char>('a' + random() % 26));
      const char* ends[] = {"\n", "\r\n", "\r", ""};
      text += ends[random() % 4];
    }
    lines whole = split(text);
    collector c;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t size = 1 + (random() % 3 == 0 ? random() % 70'000 : random() % 10);
      c.feed(std::string_view(text).substr(at, size));
      at += size;
    }
    c.finish();
    ASSERT_EQ(c.got, whole) << "seed " << seed << " round " << round;
  }
}

}  // namespace
}  // namespace execo::test
