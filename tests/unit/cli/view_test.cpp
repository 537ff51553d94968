#include "cli/view.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.hpp"
#include "results.hpp"

namespace execo::cli {
namespace {

// A console on two files in memory.
class shown : public testing::Test {
 protected:
  std::string out() { return content(out_.get()); }
  std::string err() { return content(err_.get()); }

  static void say(view& v, const char* name, std::size_t index, stream from, const char* text,
                  bool complete = true) {
    host h(name);
    v.line(output_line(h, index, from, text, complete));
  }

 private:
  std::string content(int fd) {
    console_.flush();
    std::string text(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)), '\0');
    EXPECT_EQ(::pread(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    return text;
  }

  stop_flag stop_;
  detail::unique_fd out_{::memfd_create("out", MFD_CLOEXEC)};
  detail::unique_fd err_{::memfd_create("err", MFD_CLOEXEC)};

 protected:
  console console_{stop_, out_.get(), err_.get()};
};

TEST_F(shown, lines_go_to_the_stream_they_came_from) {
  auto v = make_stream_view(console_);
  ASSERT_TRUE(v->live());
  say(*v, "n1", 0, stream::out, "one");
  say(*v, "n2", 1, stream::err, "two");
  say(*v, "n1", 0, stream::out, "");
  EXPECT_EQ(out(), "n1: one\nn1: \n");
  EXPECT_EQ(err(), "n2: two\n");
}

TEST_F(shown, a_line_that_comes_in_pieces_is_shown_as_one) {
  auto v = make_stream_view(console_);
  say(*v, "n1", 0, stream::out, "be", false);
  say(*v, "n2", 1, stream::out, "between");
  say(*v, "n1", 0, stream::out, "gin", false);
  say(*v, "n1", 0, stream::out, "ning");
  EXPECT_EQ(out(), "n2: between\nn1: beginning\n");
}

TEST_F(shown, a_last_line_without_an_end_is_shown_with_the_result) {
  auto v = make_stream_view(console_);
  say(*v, "n1", 0, stream::out, "prompt> ", false);
  say(*v, "n1", 0, stream::err, "half", false);
  EXPECT_EQ(out(), "");
  v->add(test::exited("n1", 0, 0));
  EXPECT_EQ(out(), "n1: prompt> \n");
  EXPECT_EQ(err(), "n1: half\n");
}

TEST_F(shown, a_line_without_an_end_is_not_held_for_ever) {
  auto v = make_stream_view(console_);
  std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 16; ++i) say(*v, "n1", 0, stream::out, piece.c_str(), false);
  EXPECT_EQ(out().size(), (std::size_t{1} << 20) + 5);
}

TEST_F(shown, identical_output_is_gathered_largest_group_first) {
  auto v = make_gathered_view(console_);
  v->add(test::exited("n4", 3, 0, "b"));
  for (std::size_t i = 0; i < 3; ++i)
    v->add(test::exited(("n" + std::to_string(i + 1)).c_str(), i, 0, "a\n"));
  v->add(test::exited("n5", 4, 2, "a\n"));
  v->add(test::exited("n6", 5, 0));
  EXPECT_EQ(out(), "");
  v->finish();
  EXPECT_EQ(out(),
            "---------------\nn[1-3] (3)\n---------------\na\n"
            "---------------\nn4\n---------------\nb\n"
            "---------------\nn5: exited 2\n---------------\na\n");
}

TEST_F(shown, standard_error_is_gathered_apart) {
  auto v = make_gathered_view(console_);
  v->add(test::exited("n1", 0, 0, "same\n", "warning\n"));
  v->add(test::exited("n2", 1, 0, "same\n"));
  v->add(test::exited("n3", 2, 1, "", "warning\n"));
  v->finish();
  EXPECT_EQ(out(), "---------------\nn[1-2] (2)\n---------------\nsame\n");
  EXPECT_EQ(err(), "---------------\nn[1,3] (2): stderr\n---------------\nwarning\n");
}

TEST_F(shown, ordered_output_waits_for_its_turn) {
  auto v = make_ordered_view(console_);
  v->add(test::exited("n2", 1, 0, "2a\n2b"));
  EXPECT_EQ(out(), "");
  v->add(test::exited("n1", 0, 0, "1\n", "e\n"));
  EXPECT_EQ(out(), "n1: 1\nn2: 2a\nn2: 2b\n");
  v->add(test::exited("n4", 3, 0, "4\n"));
  v->finish();
  EXPECT_EQ(out(), "n1: 1\nn2: 2a\nn2: 2b\nn4: 4\n");
  EXPECT_EQ(err(), "n1: e\n");
}

TEST_F(shown, ndjson_comes_host_by_host) {
  auto v = make_ndjson_view(console_);
  v->add(test::exited("n2", 1, 0));
  EXPECT_TRUE(out().starts_with("{\"host\":\"n2\",\"index\":1,"));
  EXPECT_TRUE(out().ends_with("}\n"));
}

TEST_F(shown, a_message_stays_on_one_line) {
  console_.note("bad\nname \x1b[1m");
  EXPECT_EQ(err(), "execo: bad^Jname ^[[1m\n");
}

TEST_F(shown, the_progress_line_is_erased_before_anything_else) {
  console_.progress("1/2");
  console_.out_line("n1", "x");
  console_.progress("2/2");
  console_.finish();
  EXPECT_EQ(err(), "\r1/2\x1b[K\r\x1b[K\r2/2\x1b[K\r\x1b[K");
  EXPECT_EQ(out(), "n1: x\n");
}

TEST_F(shown, without_labels_lines_are_as_they_came) {
  auto v = make_stream_view(console_, labels::hidden);
  say(*v, "n1", 0, stream::out, "one");
  say(*v, "n2", 1, stream::err, "two: 2");
  EXPECT_EQ(out(), "one\n");
  EXPECT_EQ(err(), "two: 2\n");
}

TEST_F(shown, without_labels_distinct_outputs_have_no_header) {
  auto v = make_gathered_view(console_, labels::hidden);
  v->add(test::exited("n1", 0, 0, "same\n", "bad\n"));
  v->add(test::exited("n2", 1, 0, "same\n"));
  v->add(test::exited("n3", 2, 4, "other"));
  v->finish();
  EXPECT_EQ(out(), "same\nother\n");
  EXPECT_EQ(err(), "bad\n");
}

TEST_F(shown, without_labels_hosts_come_in_order) {
  auto v = make_ordered_view(console_, labels::hidden);
  v->add(test::exited("n2", 1, 0, "second\n"));
  v->add(test::exited("n1", 0, 0, "first\n"));
  v->finish();
  EXPECT_EQ(out(), "first\nsecond\n");
}

}  // namespace
}  // namespace execo::cli
