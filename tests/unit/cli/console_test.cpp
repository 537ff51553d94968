#include "cli/console.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "base/fd.hpp"

namespace execo::cli {
namespace {

class a_pipe {
 public:
  a_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    reader = detail::unique_fd(ends[0]);
    writer = detail::unique_fd(ends[1]);
  }
  detail::unique_fd reader;
  detail::unique_fd writer;
};

std::string read_all(int fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t n; (n = ::read(fd, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

TEST(output, more_than_a_pipe_holds_arrives_whole) {
  stop_flag stop;
  terminal_turn turn;
  a_pipe p;
  std::string text(1'000'000, 'x');
  std::thread writing([&] {
    output o(p.writer.get(), stop, turn);
    o.write(text);
    o.flush();
    p.writer.reset();
  });
  EXPECT_EQ(read_all(p.reader.get()), text);
  writing.join();
}

TEST(output, an_interrupt_ends_the_wait_for_a_reader_that_does_not_read) {
  stop_flag stop;
  terminal_turn turn;
  a_pipe p;
  output o(p.writer.get(), stop, turn);
  std::thread interrupting;
  std::string text(1'000'000, 'x');
  // Long enough ago that there is but the least time left for the reader.
  auto long_ago = std::chrono::steady_clock::now() - std::chrono::seconds(10);
  interrupting = std::thread([&] { stop.raise(long_ago); });
  o.write(text);
  EXPECT_EQ(o.error(), 0);
  EXPECT_FALSE(o.empty());
  o.finish();
  EXPECT_EQ(o.error(), ETIMEDOUT);
  interrupting.join();
}

TEST(output, what_piles_up_after_an_interrupt_is_bounded) {
  stop_flag stop;
  terminal_turn turn;
  stop.raise();
  a_pipe p;
  output o(p.writer.get(), stop, turn);
  for (int i = 0; i < 100 && o.error() == 0; ++i) o.write(std::string(65536, 'x'));
  EXPECT_EQ(o.error(), ETIMEDOUT);
}

TEST(output, a_reader_that_left_is_an_error_and_no_signal) {
  auto before = ::signal(SIGPIPE, SIG_IGN);
  stop_flag stop;
  terminal_turn turn;
  a_pipe p;
  p.reader.reset();
  output o(p.writer.get(), stop, turn);
  o.write("x");
  EXPECT_EQ(o.error(), 0);
  o.flush();
  EXPECT_EQ(o.error(), EPIPE);
  o.write("y");
  EXPECT_TRUE(o.empty());
  ::signal(SIGPIPE, before);
}

TEST(output, a_full_disk_is_an_error) {
  stop_flag stop;
  terminal_turn turn;
  detail::unique_fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  output o(full.get(), stop, turn);
  o.write("x");
  o.flush();
  EXPECT_EQ(o.error(), ENOSPC);
}

class a_terminal {
 public:
  a_terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_EQ(::grantpt(master.get()), 0);
    EXPECT_EQ(::unlockpt(master.get()), 0);
    terminal.reset(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  /// A terminal hands over what is there, not what was written at once.
  std::string shown_until(char last) const {
    std::string shown;
    char buffer[64];
    while (!shown.ends_with(last)) {
      ssize_t n = ::read(master.get(), buffer, sizeof buffer);
      if (n <= 0) break;
      shown.append(buffer, static_cast<std::size_t>(n));
    }
    return shown;
  }
  bool shows_something() const {
    pollfd watched{master.get(), POLLIN, 0};
    return ::poll(&watched, 1, 0) > 0;
  }
  detail::unique_fd master;
  detail::unique_fd terminal;
};

TEST(output, control_characters_are_neutralised_on_a_terminal) {
  a_terminal on;
  stop_flag stop;
  console c(stop, on.terminal.get(), on.terminal.get());
  EXPECT_TRUE(c.out_is_terminal());
  c.out_line("n1", "\x1b[31mred");
  c.finish();
  EXPECT_EQ(on.shown_until('\n'), "n1: ^[[31mred\r\n");
}

TEST(output, waits_for_the_end_of_a_question_on_the_terminal_and_nowhere_else) {
  a_terminal on;
  a_pipe p;
  stop_flag stop;
  console c(stop, p.writer.get(), on.terminal.get());
  std::promise<void> is_asked, is_answered;
  std::thread question([&] {
    std::lock_guard turn(c.turn().mutex);
    is_asked.set_value();
    is_answered.get_future().wait();
  });
  is_asked.get_future().wait();
  c.err_line("n1", "one");
  c.progress("1 of 2");
  c.flush();
  EXPECT_FALSE(on.shows_something());
  c.out_line("n1", "two");
  c.flush();
  char first = 0;
  EXPECT_EQ(::read(p.reader.get(), &first, 1), 1);
  EXPECT_EQ(first, 'n');
  is_answered.set_value();
  question.join();
  c.finish();
  EXPECT_THAT(on.shown_until('\n'), ::testing::HasSubstr("n1: one\r\n"));
}

}  // namespace
}  // namespace execo::cli
