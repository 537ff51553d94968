// What the scripts of a copy are told, and what their words mean.
#include <gmock/gmock.h>

#include <cerrno>

#include "fleet_fixture.hpp"
#include "program.hpp"
#include "transfer/get_script.hpp"
#include "transfer/mark_reader.hpp"
#include "transfer/put_script.hpp"
#include "transfer/rate_limit.hpp"

namespace execo::detail {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(copy_words, of_any_name_come_back_from_printf) {
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  test::outcome end =
      test::run_program({"/bin/sh", "-c", "printf %b \"$1\"", "sh", escaped_for_printf(every)});
  EXPECT_EQ(end.out, every);
  EXPECT_EQ(escaped_for_printf(every).find_first_of(" '\"$`\n"), std::string::npos);
}

TEST(copy_words, of_a_tool_give_the_number_of_the_error) {
  EXPECT_EQ(failure_of_tool("cat: write error: No space left on device\n").why.value(), ENOSPC);
  EXPECT_EQ(failure_of_tool("cat: write error: Disk quota exceeded\n").why.value(), EDQUOT);
  EXPECT_EQ(failure_of_tool("warning: x\nmktemp: failed: Permission denied\r\nmore\n").why.value(),
            EACCES);
  EXPECT_EQ(failure_of_tool("mv: x: Filename too long\n").why.value(), ENAMETOOLONG);
  copy_failure unknown = failure_of_tool("tar: Unexpected EOF in archive\n");
  EXPECT_FALSE(unknown.why);
  EXPECT_EQ(unknown.context, "tar: Unexpected EOF in archive");
  EXPECT_EQ(failure_of_tool("\x1b[31mx: Is a directory").context, "^[[31mx: Is a directory");
}

TEST(copy_words, of_a_receiver_are_understood_or_ignored) {
  EXPECT_EQ(read_put_answer("ready 12")->offset, 12U);
  EXPECT_EQ(read_put_answer("failed directory /a b")->path, "/a b");
  for (const char* line : {"ready", "ready x", "ready 1x", "ready -1", "done now", "hello", ""})
    EXPECT_FALSE(read_put_answer(line)) << line;
  put_answer failed;
  failed.word = "directory";
  failed.path = "/srv";
  EXPECT_EQ(failure_of_put(failed, "").why, std::errc::is_a_directory);
  failed.word = "digest";
  EXPECT_EQ(failure_of_put(failed, "").reason, failure_reason::digest_mismatch);
}

TEST(copy_words, of_a_sender_name_one_file_and_no_other) {
  std::optional<get_answer> file = read_get_answer("file 5 644 1700000000 612e62");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->entry.name, "a.b");
  EXPECT_EQ(file->entry.size, 5U);
  EXPECT_EQ(file->entry.mode, 0644U);
  EXPECT_TRUE(read_get_answer("file 5 - - 61"));
  for (const char* line :
       {"file 5 644 17 2e2e", "file 5 644 17 =..", "file 5 644 17 =a/b", "file 5 644 17 2e",
        "file 5 644 17 612f62", "file 5 644 17 6100", "file 5 644 17 ", "file 5 644 17 6",
        "file x 644 1 61", "file 5 9 1 61", "sending"})
    EXPECT_FALSE(read_get_answer(line)) << line;
}

TEST(copy_words, of_a_sender_name_entries_by_their_paths) {
  std::optional<get_answer> inner = read_get_answer("inner 5 644 17 612f62");
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->entry.name, "a/b");
  std::optional<get_answer> directory = read_get_answer("directory 4096 755 17 =a/b");
  ASSERT_TRUE(directory);
  EXPECT_EQ(directory->entry.what, tar_entry::kind::directory);
  EXPECT_EQ(directory->entry.name, "a/b");
  EXPECT_EQ(directory->entry.mode, 0755U);
  std::optional<get_answer> link = read_get_answer("link 2e2e 61");
  ASSERT_TRUE(link);
  EXPECT_EQ(link->entry.target, "..");
  EXPECT_EQ(link->entry.name, "a");
  for (const char* line :
       {"inner 5 644 17 6100", "directory 1 755 17 ", "link 61", "link  61", "link = 61"})
    EXPECT_FALSE(read_get_answer(line)) << line;
}

TEST(copy_words, of_a_receiver_say_how_long_its_lists_are) {
  std::optional<put_answer> kept = read_put_answer("kept 3 40");
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->marks, 3U);
  EXPECT_EQ(kept->lines, 40U);
  EXPECT_TRUE(read_put_answer("names"));
  EXPECT_TRUE(read_put_answer("plain"));
  for (const char* line : {"kept", "kept 3", "old 3 x", "old -1 2", "names 3"})
    EXPECT_FALSE(read_put_answer(line)) << line;
}

TEST(mark_reader, finds_its_lines_among_those_of_a_login_script) {
  mark_reader reader("M");
  std::string text = "Welcome\nM one\n\n xM two\nMM three\nM four\nrest";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    mark_reader cut_reader("M");
    std::vector<std::string> found;
    for (const std::string& piece : {text.substr(0, cut), text.substr(cut)}) {
      std::span<const char> bytes(piece);
      while (auto line = cut_reader.next(bytes)) found.push_back(*line);
    }
    EXPECT_THAT(found, ::testing::ElementsAre("one", "four"));
  }
}

TEST(mark_reader, stops_right_behind_a_line) {
  mark_reader reader("M");
  std::string text = "M file\nbytes";
  std::span<const char> bytes(text);
  EXPECT_EQ(reader.next(bytes), "file");
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), "bytes");
}

TEST(rate_limit, lets_pass_what_it_says_and_no_more) {
  rate_limit limit(1000);
  clock::time_point now{};
  EXPECT_EQ(limit.take(500, now), 0ms);
  EXPECT_EQ(limit.take(500, now), 500ms);
  EXPECT_EQ(limit.take(500, now), 1000ms);
  EXPECT_EQ(limit.take(1, now + 5s), 0ms) << "what was not used is not saved";
  rate_limit none(0);
  EXPECT_EQ(none.take(1'000'000, now), 0ms);
}

}  // namespace
}  // namespace execo::detail
