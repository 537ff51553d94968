#include "cli/console.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

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
  a_pipe p;
  std::string text(1'000'000, 'x');
  std::thread writing([&] {
    output o(p.writer.get(), stop);
    o.write(text);
    o.flush();
    p.writer.reset();
  });
  EXPECT_EQ(read_all(p.reader.get()), text);
  writing.join();
}

TEST(output, an_interrupt_ends_the_wait_for_a_reader_that_does_not_read) {
  stop_flag stop;
  a_pipe p;
  output o(p.writer.get(), stop);
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
  stop.raise();
  a_pipe p;
  output o(p.writer.get(), stop);
  for (int i = 0; i < 100 && o.error() == 0; ++i) o.write(std::string(65536, 'x'));
  EXPECT_EQ(o.error(), ETIMEDOUT);
}

TEST(output, a_reader_that_left_is_an_error_and_no_signal) {
  auto before = ::signal(SIGPIPE, SIG_IGN);
  stop_flag stop;
  a_pipe p;
  p.reader.reset();
  output o(p.writer.get(), stop);
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
  detail::unique_fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  output o(full.get(), stop);
  o.write("x");
  o.flush();
  EXPECT_EQ(o.error(), ENOSPC);
}

TEST(output, control_characters_are_neutralised_on_a_terminal) {
  detail::unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  detail::unique_fd terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  stop_flag stop;
  console c(stop, terminal.get(), terminal.get());
  EXPECT_TRUE(c.out_is_terminal());
  c.out_line("n1", "\x1b[31mred");
  c.finish();
  std::string shown;
  char buffer[64];
  // A terminal hands over what is there, not what was written at once.
  while (!shown.ends_with('\n')) {
    ssize_t n = ::read(master.get(), buffer, sizeof buffer);
    ASSERT_GT(n, 0) << shown;
    shown.append(buffer, static_cast<std::size_t>(n));
  }
  EXPECT_EQ(shown, "n1: ^[[31mred\r\n");
}

}  // namespace
}  // namespace execo::cli
