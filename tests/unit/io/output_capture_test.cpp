#include "io/output_capture.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>

#include "fleet_fixture.hpp"
#include "unit/loop/loop_harness.hpp"

namespace execo::test {
namespace {

using detail::output_capture;
using detail::overflow_kind;
using detail::sink_spec;

class capture_of_output : public ::testing::Test, public detail::output_file_owner {
 protected:
  void configure(std::size_t cap, overflow_kind beyond, const std::string& path = "") {
    sink_spec spec(sink_spec::kind::capture);
    spec.cap = cap;
    spec.beyond = beyond;
    spec.path.text = path;
    captured.configure(spec, 0, harness.loop, *this);
  }
  bool take(std::string_view bytes) {
    total += bytes.size();
    std::span<const char> rest = captured.take_head(bytes);
    return rest.empty() || captured.take_beyond(rest);
  }
  static std::string content(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  loop_harness harness;
  std::string text;
  output_capture captured{text};
  std::uint64_t total = 0;
  int failures = 0;

 private:
  void on_file_flushed() noexcept override {}
  void on_file_failed(std::error_code, std::string) noexcept override { ++failures; }
};

TEST_F(capture_of_output, that_is_not_asked_for_keeps_and_counts_nothing) {
  EXPECT_FALSE(captured.configured());
  EXPECT_TRUE(take("bytes"));
  captured.complete();
  EXPECT_EQ(text, "");
  EXPECT_EQ(captured.dropped(), 0U);
  EXPECT_FALSE(captured.capped());
}

TEST_F(capture_of_output, keeps_the_beginning_and_gives_the_rest_back) {
  captured.configure(5);
  EXPECT_TRUE(captured.configured());
  EXPECT_TRUE(captured.take_head(std::string_view("abc")).empty());
  std::span<const char> rest = captured.take_head(std::string_view("defg"));
  EXPECT_EQ(std::string_view(rest.data(), rest.size()), "fg");
  EXPECT_TRUE(captured.take_beyond(rest));
  EXPECT_EQ(text, "abcde");
  EXPECT_EQ(captured.head(), "abcde");
  EXPECT_EQ(captured.dropped(), 2U);
  EXPECT_TRUE(captured.capped());
}

TEST_F(capture_of_output, with_just_enough_room_is_not_capped) {
  captured.configure(5);
  EXPECT_TRUE(take("abcde"));
  EXPECT_FALSE(captured.capped());
}

TEST_F(capture_of_output, of_no_bytes_counts_them_and_is_not_capped) {
  captured.configure(0);
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(captured.dropped(), 3U);
  EXPECT_FALSE(captured.capped());
}

TEST_F(capture_of_output, of_head_and_tail_keeps_both_whatever_the_pieces) {
  std::minstd_rand random(7);
  for (int round = 0; round < 200; ++round) {
    std::string kept, all;
    output_capture both(kept);
    sink_spec spec(sink_spec::kind::capture);
    spec.cap = random() % 40;
    spec.beyond = overflow_kind::head_and_tail;
    both.configure(spec, 0, harness.loop, *this);
    for (unsigned pieces = random() % 8; pieces > 0; --pieces) {
      std::string piece(random() % 30, static_cast<char>('a' + pieces));
      all += piece;
      std::span<const char> rest = both.take_head(piece);
      EXPECT_TRUE(rest.empty() || both.take_beyond(rest));
    }
    std::size_t cap = *spec.cap;
    bool fits = all.size() <= cap;
    std::string expected =
        fits ? all : all.substr(0, cap - cap / 2) + all.substr(all.size() - cap / 2);
    EXPECT_EQ(both.size(), expected.size());
    EXPECT_EQ(both.head(), all.substr(0, cap - cap / 2));
    both.complete();
    EXPECT_EQ(kept, expected) << "of " << all << " in " << cap;
    EXPECT_EQ(both.dropped(), all.size() - expected.size());
    EXPECT_EQ(both.head(), all.substr(0, cap - cap / 2)) << "the end is no beginning";
  }
}

TEST_F(capture_of_output, spills_the_rest_into_a_file_that_is_there_when_all_is_whole) {
  scratch_directory folder;
  std::string path = folder.path() + "/rest";
  configure(3, overflow_kind::spill, path);
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(captured.file(), nullptr) << "nothing to write yet";
  EXPECT_TRUE(take("def"));
  EXPECT_TRUE(take("gh"));
  ASSERT_NE(captured.file(), nullptr);
  EXPECT_TRUE(harness.turn_until([&] { return captured.flushed() && !captured.busy(); }));
  captured.complete();
  EXPECT_FALSE(captured.file()->finalize(true));
  EXPECT_EQ(text, "abc");
  EXPECT_EQ(content(path), "defgh");
  EXPECT_EQ(captured.dropped(), 0U);
  EXPECT_EQ(failures, 0);
}

TEST_F(capture_of_output, says_that_the_run_has_to_end_where_that_was_asked_for) {
  configure(2, overflow_kind::kill);
  EXPECT_TRUE(captured.ends_the_run());
  EXPECT_TRUE(take("abc"));
  EXPECT_EQ(text, "ab");
  EXPECT_EQ(captured.dropped(), 1U);
  EXPECT_TRUE(captured.capped());
}

TEST_F(capture_of_output, shows_what_a_reader_left_in_place_of_what_it_kept) {
  captured.replace("unread");
  captured.complete();
  EXPECT_EQ(text, "unread");
}

}  // namespace
}  // namespace execo::test
