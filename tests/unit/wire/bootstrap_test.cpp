#include "wire/bootstrap.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace execo::test {
namespace {

using detail::image_form;
using detail::image_place;
using detail::machine;
using detail::stage1_fault;
using detail::stage1_reader;
using detail::stage1_state;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string nonce = "0123456789abcdef";
const std::string ready = "execo1 " + nonce + " ready Linux x86_64 unlinked gzip sha256sum\n";
const std::string start = "execo1 " + nonce + " start\n";

/// Feeds pieces of `each` bytes, sends when asked to, and returns what is left.
std::string feed(stage1_reader& reader, const std::string& text, std::size_t each) {
  for (std::size_t at = 0; at < text.size();) {
    std::span<const char> piece(text.data() + at, std::min(each, text.size() - at));
    const std::size_t before = piece.size();
    if (reader.feed(piece) == stage1_state::answered) reader.sending();
    at += before - piece.size();
    if (reader.state() == stage1_state::started || reader.state() == stage1_state::failed)
      return text.substr(at);
  }
  return "";
}

stage1_fault fault_of(const std::string& text) {
  stage1_reader reader(nonce);
  feed(reader, text, text.size());
  return reader.fault();
}

TEST(stage1_text, is_one_line_and_the_same_for_every_host) {
  const std::string& text = detail::stage1_command();
  EXPECT_THAT(text, StartsWith("exec /bin/sh -c '"));
  EXPECT_THAT(text, EndsWith("' execo"));
  EXPECT_THAT(text, Not(HasSubstr("\n")));
}

TEST(stage1_text, begins_its_input_with_the_nonce_and_a_name_for_a_folder) {
  EXPECT_EQ(detail::stage1_opening("0a", "ff"), "0a ff\n");
}

TEST(stage1_text, has_a_header_line_for_the_image) {
  detail::image_identity image(1000, "abc");
  EXPECT_EQ(detail::stage1_header(image_form::gzip, 400, image), "gzip 400 1000 abc\n");
  EXPECT_EQ(detail::stage1_header(image_form::plain, 1000, image), "plain 1000 1000 abc\n");
}

TEST(reader_of_stage1, finds_its_lines_among_noise_in_any_cut_and_leaves_the_frames) {
  const std::string text =
      "Welcome to node1\nexeco1 other ready\nno end " + ready + "\n" + start + "FRAMES";
  for (std::size_t each = 1; each <= text.size(); ++each) {
    stage1_reader reader(nonce);
    EXPECT_EQ(feed(reader, text, each), std::string("FRAMES"));
    EXPECT_EQ(reader.state(), stage1_state::started);
    EXPECT_EQ(reader.answer().arch, machine::x86_64);
    EXPECT_EQ(reader.answer().place, image_place::unlinked);
    EXPECT_EQ(reader.answer().form(), image_form::gzip);
    EXPECT_TRUE(reader.answer().has_sha256sum);
    EXPECT_FALSE(reader.answer().has_perl);
  }
}

TEST(reader_of_stage1, bears_no_more_noise_than_it_may) {
  for (std::size_t each : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 20}) {
    stage1_reader bears(nonce), refuses(nonce);
    feed(bears, std::string(stage1_reader::max_noise, 'x') + ready, each);
    EXPECT_EQ(bears.state(), stage1_state::receiving);
    feed(refuses, std::string(stage1_reader::max_noise + 1, 'x') + ready, each);
    EXPECT_EQ(refuses.fault(), stage1_fault::noise);
    EXPECT_EQ(refuses.fault_text(), std::string(stage1_reader::max_line, 'x'));
  }
}

TEST(reader_of_stage1, tells_what_a_host_said_that_gave_no_answer) {
  stage1_reader reader(nonce);
  feed(reader, "This account is currently not available.\n", 7);
  EXPECT_EQ(reader.end(), stage1_state::failed);
  EXPECT_EQ(reader.fault(), stage1_fault::no_answer);
  EXPECT_EQ(reader.fault_text(), "This account is currently not available.\n");
}

TEST(reader_of_stage1, tells_an_end_after_the_answer_from_none) {
  stage1_reader reader(nonce);
  feed(reader, ready, 1);
  EXPECT_EQ(reader.end(), stage1_state::failed);
  EXPECT_EQ(reader.fault(), stage1_fault::ended);
  stage1_reader started(nonce);
  feed(started, ready + start, 100);
  EXPECT_EQ(started.end(), stage1_state::started);
}

TEST(reader_of_stage1, tells_why_a_host_is_a_leaf) {
  const std::string leaf = "execo1 " + nonce + " leaf ";
  EXPECT_EQ(fault_of(leaf + "place\n"), stage1_fault::no_place);
  EXPECT_EQ(fault_of(leaf + "terminal\r\n"), stage1_fault::terminal);
  EXPECT_EQ(fault_of(ready + leaf + "digest\n"), stage1_fault::bad_image);
  EXPECT_EQ(fault_of(leaf + "whatever\n"), stage1_fault::malformed);
  stage1_reader reader(nonce);
  feed(reader, ready + leaf + "image gzip: stdin: unexpected end of file\n", 9);
  EXPECT_EQ(reader.fault_text(), "image gzip: stdin: unexpected end of file");
}

TEST(reader_of_stage1, knows_the_machines_that_there_are_agents_for) {
  const std::string line = "execo1 " + nonce + " ready ";
  stage1_reader arm(nonce);
  feed(arm, line + "Linux aarch64 memory\n", 3);
  EXPECT_EQ(arm.state(), stage1_state::receiving);
  EXPECT_EQ(arm.answer().arch, machine::aarch64);
  EXPECT_EQ(arm.answer().form(), image_form::plain);
  stage1_reader other(nonce);
  feed(other, line + "Linux riscv64 unlinked gzip\n", 3);
  EXPECT_EQ(other.fault(), stage1_fault::unknown_arch);
  EXPECT_EQ(other.fault_text(), "Linux riscv64 unlinked gzip");
  EXPECT_EQ(fault_of(line + "FreeBSD x86_64 unlinked\n"), stage1_fault::unknown_arch);
}

TEST(reader_of_stage1, refuses_what_stage_1_does_not_say) {
  const std::string mark = "execo1 " + nonce + " ";
  EXPECT_EQ(fault_of(start), stage1_fault::malformed);
  EXPECT_EQ(fault_of(ready + ready), stage1_fault::malformed);
  EXPECT_EQ(fault_of(ready + mark + "start now\n"), stage1_fault::malformed);
  EXPECT_EQ(fault_of(mark + "ready Linux x86_64 nowhere\n"), stage1_fault::malformed);
  EXPECT_EQ(fault_of(mark + "\n"), stage1_fault::malformed);
  EXPECT_EQ(fault_of(mark + std::string(stage1_reader::max_line + 1, 'y')),
            stage1_fault::malformed);
}

TEST(reader_of_stage1, takes_no_start_before_something_is_sent) {
  stage1_reader reader(nonce);
  const std::string text = ready + start;
  std::span<const char> bytes(text);
  EXPECT_EQ(reader.feed(bytes), stage1_state::answered);
  EXPECT_EQ(bytes.size(), start.size());
  EXPECT_EQ(reader.feed(bytes), stage1_state::failed);
  EXPECT_EQ(reader.fault(), stage1_fault::malformed);
}

}  // namespace
}  // namespace execo::test
