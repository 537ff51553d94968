// Reads, writes and polls of both backends, and their ends: data, end of file, errors.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <deque>
#include <vector>

#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using detail::io_kind;
using detail::unique_fd;

class io : public on_each_backend {
 protected:
  loop_harness h_;
};
EXECO_ON_EACH_BACKEND(io);

TEST_P(io, the_backend_asked_for_is_the_one_in_use) {
  EXPECT_EQ(h_.loop.describe().substr(0, 5), on_epoll() ? "epoll" : "uring");
}

TEST_P(io, a_read_completes_from_a_turn_and_never_from_start) {
  pipe_pair p(h_.loop);
  ASSERT_EQ(::write(p.out.get(), "abc", 3), 3);
  char buffer[8];
  recorded r;
  r.request.prepare_read(p.in.get(), buffer, sizeof buffer);
  h_.loop.start(r.request);
  EXPECT_FALSE(r.result);
  EXPECT_TRUE(r.request.active);
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  EXPECT_EQ(*r.result, 3);
  EXPECT_FALSE(r.request.active);
  EXPECT_EQ(std::string(buffer, 3), "abc");
}

TEST_P(io, a_read_waits_for_data_that_comes_later) {
  pipe_pair p(h_.loop);
  char buffer[8];
  recorded r;
  r.request.prepare_read(p.in.get(), buffer, sizeof buffer);
  h_.loop.start(r.request);
  h_.run_until_quiet();
  EXPECT_FALSE(r.result);
  ASSERT_EQ(::write(p.out.get(), "x", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  EXPECT_EQ(*r.result, 1);
}

TEST_P(io, the_end_of_file_is_a_read_of_nothing) {
  pipe_pair p(h_.loop);
  char buffer[8];
  recorded r;
  r.request.prepare_read(p.in.get(), buffer, sizeof buffer);
  h_.loop.start(r.request);
  h_.run_until_quiet();
  p.out.reset();
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  EXPECT_EQ(*r.result, 0);
}

TEST_P(io, a_write_waits_for_room_and_tells_how_much_it_wrote) {
  pipe_pair p(h_.loop);
  ASSERT_GE(::fcntl(p.out.get(), F_SETPIPE_SZ, 4096), 4096);
  std::string bytes(10'000, 'x');
  std::size_t written = 0;
  std::size_t got = 0;
  recorded w;
  w.then = [&](int n) {
    ASSERT_GT(n, 0);
    written += static_cast<std::size_t>(n);
    if (written == bytes.size()) return;
    w.request.prepare_write(p.out.get(), bytes.data() + written, bytes.size() - written);
    h_.loop.start(w.request);
  };
  w.request.prepare_write(p.out.get(), bytes.data(), bytes.size());
  h_.loop.start(w.request);
  h_.run_until_quiet();
  EXPECT_LT(written, bytes.size()) << "the pipe took more than it holds";
  ASSERT_TRUE(h_.turn_until([&] {
    char buffer[512];
    pollfd ready{p.in.get(), POLLIN, 0};
    while (::poll(&ready, 1, 0) == 1)
      got += static_cast<std::size_t>(std::max<ssize_t>(0, ::read(p.in.get(), buffer, 512)));
    return got == bytes.size();
  }));
  EXPECT_EQ(written, bytes.size());
}

TEST_P(io, a_write_into_a_broken_pipe_is_epipe_and_no_signal) {
  // Default disposition: a SIGPIPE that came through would end this program.
  ASSERT_EQ(::signal(SIGPIPE, SIG_DFL), SIG_DFL);
  pipe_pair p(h_.loop);
  p.in.reset();
  recorded w;
  w.request.prepare_write(p.out.get(), "x", 1);
  h_.loop.start(w.request);
  ASSERT_TRUE(h_.turn_until([&] { return w.result.has_value(); }));
  EXPECT_EQ(*w.result, -EPIPE);
}

TEST_P(io, a_reader_that_goes_away_ends_a_write_that_waits) {
  pipe_pair p(h_.loop);
  const int size = ::fcntl(p.out.get(), F_GETPIPE_SZ);
  std::string fill(static_cast<std::size_t>(size), 'x');
  ASSERT_EQ(::write(p.out.get(), fill.data(), fill.size()), size);
  recorded w;
  w.request.prepare_write(p.out.get(), "y", 1);
  h_.loop.start(w.request);
  h_.run_until_quiet();
  ASSERT_FALSE(w.result);
  p.in.reset();
  ASSERT_TRUE(h_.turn_until([&] { return w.result.has_value(); }));
  EXPECT_EQ(*w.result, -EPIPE);
}

TEST_P(io, a_bad_descriptor_is_an_error_of_the_request) {
  char buffer[1];
  for (int fd : {-1, 19'999}) {
    recorded read, write, poll;
    read.request.prepare_read(fd, buffer, 1);
    write.request.prepare_write(fd, buffer, 1);
    poll.request.prepare_poll(fd, POLLIN);
    h_.loop.start(read.request);
    h_.loop.start(write.request);
    h_.loop.start(poll.request);
    ASSERT_TRUE(h_.turn_until([&] { return read.result && write.result && poll.result; }));
    EXPECT_EQ(*read.result, -EBADF);
    EXPECT_EQ(*write.result, -EBADF);
    EXPECT_EQ(*poll.result, -EBADF);
  }
}

TEST_P(io, polls_tell_what_is_ready) {
  pipe_pair p(h_.loop);
  recorded readable, writable;
  readable.request.prepare_poll(p.in.get(), POLLIN);
  writable.request.prepare_poll(p.out.get(), POLLOUT);
  h_.loop.start(readable.request);
  h_.loop.start(writable.request);
  ASSERT_TRUE(h_.turn_until([&] { return writable.result.has_value(); }));
  EXPECT_EQ(*writable.result, POLLOUT);
  EXPECT_FALSE(readable.result);
  ASSERT_EQ(::write(p.out.get(), "x", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return readable.result.has_value(); }));
  EXPECT_EQ(*readable.result, POLLIN);
}

TEST_P(io, a_poll_for_both_directions_completes_once) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  unique_fd a(ends[0]), b(ends[1]);
  ASSERT_EQ(::write(b.get(), "x", 1), 1);
  recorded both;
  both.request.prepare_poll(a.get(), POLLIN | POLLOUT);
  h_.loop.start(both.request);
  ASSERT_TRUE(h_.turn_until([&] { return both.result.has_value(); }));
  h_.run_until_quiet();
  EXPECT_EQ(both.times, 1);
  EXPECT_EQ(*both.result, POLLIN | POLLOUT);
}

TEST_P(io, a_poll_for_errors_alone_waits_for_one) {
  pipe_pair p(h_.loop);
  recorded gone;
  gone.request.prepare_poll(p.out.get(), POLLERR);
  h_.loop.start(gone.request);
  h_.run_until_quiet();
  EXPECT_FALSE(gone.result) << "the pipe is writable, which was not asked for";
  p.in.reset();
  ASSERT_TRUE(h_.turn_until([&] { return gone.result.has_value(); }));
  EXPECT_NE(*gone.result & POLLERR, 0);
}

TEST_P(io, a_read_and_a_write_wait_on_one_socket_at_once) {
  int ends[2];
  const int flags = SOCK_STREAM | SOCK_CLOEXEC | (h_.loop.wants_nonblocking() ? SOCK_NONBLOCK : 0);
  ASSERT_EQ(::socketpair(AF_UNIX, flags, 0, ends), 0);
  unique_fd a(ends[0]), b(ends[1]);
  std::string fill(1 << 20, 'x');
  while (::send(a.get(), fill.data(), fill.size(), MSG_DONTWAIT) > 0) {
  }
  char buffer[4];
  recorded read, write;
  read.request.prepare_read(a.get(), buffer, sizeof buffer);
  write.request.prepare_write(a.get(), "y", 1);
  h_.loop.start(read.request);
  h_.loop.start(write.request);
  h_.run_until_quiet();
  EXPECT_FALSE(read.result || write.result);
  ASSERT_EQ(::write(b.get(), "z", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return read.result.has_value(); }));
  EXPECT_FALSE(write.result);
  while (::recv(b.get(), fill.data(), fill.size(), MSG_DONTWAIT) > 0) {
  }
  ASSERT_TRUE(h_.turn_until([&] { return write.result.has_value(); }));
  EXPECT_EQ(*read.result, 1);
  EXPECT_EQ(*write.result, 1);
}

TEST_P(io, requests_on_a_descriptor_that_never_blocks_wait_all_the_same) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  unique_fd in(ends[0]), out(ends[1]);
  char buffer[8];
  recorded read;
  read.request.prepare_read(in.get(), buffer, sizeof buffer);
  h_.loop.start(read.request);
  h_.run_until_quiet();
  EXPECT_FALSE(read.result);
  ASSERT_EQ(::write(out.get(), "x", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return read.result.has_value(); }));
  EXPECT_EQ(*read.result, 1);

  recorded received;
  received.request.prepare_receive(in.get());
  h_.loop.start(received.request);
  h_.run_until_quiet();
  EXPECT_FALSE(received.result);
  ASSERT_EQ(::write(out.get(), "xy", 2), 2);
  ASSERT_TRUE(h_.turn_until([&] { return received.result.has_value(); }));
  EXPECT_EQ(*received.result, 2);

  std::string fill(static_cast<std::size_t>(::fcntl(out.get(), F_GETPIPE_SZ)), 'x');
  ASSERT_EQ(::write(out.get(), fill.data(), fill.size()), static_cast<ssize_t>(fill.size()));
  recorded write;
  write.request.prepare_write(out.get(), "z", 1);
  h_.loop.start(write.request);
  h_.run_until_quiet();
  EXPECT_FALSE(write.result);
  while (::read(in.get(), fill.data(), fill.size()) > 0) {
  }
  ASSERT_TRUE(h_.turn_until([&] { return write.result.has_value(); }));
  EXPECT_EQ(*write.result, 1);
}

TEST_P(io, requests_on_a_descriptor_that_never_blocks_are_cancelled) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  unique_fd in(ends[0]), out(ends[1]);
  char buffer[8];
  recorded read, received;
  read.request.prepare_read(in.get(), buffer, sizeof buffer);
  h_.loop.start(read.request);
  h_.run_until_quiet();
  h_.loop.cancel(read.request);
  ASSERT_TRUE(h_.turn_until([&] { return read.result.has_value(); }));
  EXPECT_EQ(*read.result, -ECANCELED);
  received.request.prepare_receive(in.get());
  h_.loop.start(received.request);
  h_.run_until_quiet();
  h_.loop.cancel(received.request);
  ASSERT_TRUE(h_.turn_until([&] { return received.result.has_value(); }));
  EXPECT_EQ(*received.result, -ECANCELED);
}

// Of the kinds that the kernel cannot write to without waiting, if they block.
TEST_P(io, a_write_to_a_terminal_that_is_not_read_waits_outside_of_the_kernel) {
  unique_fd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_EQ(::grantpt(master.get()), 0);
  ASSERT_EQ(::unlockpt(master.get()), 0);
  unique_fd slave(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (on_epoll()) {
    ASSERT_EQ(::fcntl(master.get(), F_SETFL, O_RDWR | O_NONBLOCK), 0);
  }
  std::string many;
  while (many.size() < 200'000) many += "0123456789\n";
  std::size_t written = 0;
  recorded w;
  w.then = [&](int n) {
    if (n <= 0) return;
    written += static_cast<std::size_t>(n);
    w.request.prepare_write(master.get(), many.data() + written, many.size() - written);
    h_.loop.start(w.request);
  };
  w.request.prepare_write(master.get(), many.data(), many.size());
  h_.loop.start(w.request);
  recorded other;
  other.request.prepare_poll(slave.get(), POLLOUT);
  h_.loop.start(other.request);
  ASSERT_TRUE(h_.turn_until([&] { return other.result.has_value(); }));
  h_.run_until_quiet();
  EXPECT_LT(written, many.size());
  h_.loop.cancel(w.request);
  ASSERT_TRUE(h_.turn_until([&] { return !w.request.active; }));
}

TEST_P(io, a_file_is_read_and_polled) {
  unique_fd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  char buffer[4];
  recorded read, poll;
  read.request.prepare_read(file.get(), buffer, sizeof buffer);
  poll.request.prepare_poll(file.get(), POLLIN);
  h_.loop.start(read.request);
  h_.loop.start(poll.request);
  ASSERT_TRUE(h_.turn_until([&] { return read.result && poll.result; }));
  EXPECT_EQ(std::string(buffer, 4),
            "\x7f"
            "ELF");
  EXPECT_EQ(*poll.result, POLLIN);
}

TEST_P(io, a_request_is_used_again_from_its_own_completion) {
  pipe_pair p(h_.loop);
  char byte = 0;
  std::string got;
  recorded r;
  r.then = [&](int n) {
    if (n <= 0) return;
    got += byte;
    r.request.prepare_read(p.in.get(), &byte, 1);
    h_.loop.start(r.request);
  };
  r.request.prepare_read(p.in.get(), &byte, 1);
  h_.loop.start(r.request);
  ASSERT_EQ(::write(p.out.get(), "abcdef", 6), 6);
  p.out.reset();
  ASSERT_TRUE(h_.turn_until([&] { return r.result == 0; }));
  EXPECT_EQ(got, "abcdef");
}

TEST_P(io, twenty_thousand_completions_at_once_lose_none) {
  std::deque<recorded> all;
  for (int i = 0; i < 20'000; ++i) {
    all.emplace_back();
    all.back().request.kind = io_kind::none;
    h_.loop.start(all.back().request);
  }
  std::size_t done = 0;
  ASSERT_TRUE(h_.turn_until([&] {
    done = 0;
    for (const recorded& r : all) done += static_cast<std::size_t>(r.times);
    return done >= all.size();
  }));
  h_.run_until_quiet();
  for (const recorded& r : all) {
    ASSERT_EQ(r.times, 1);
    ASSERT_EQ(*r.result, 0);
  }
}

TEST_P(io, thousands_of_polls_that_become_ready_together_lose_none) {
  unique_fd event(::eventfd(0, EFD_CLOEXEC));
  std::vector<unique_fd> copies;
  std::deque<recorded> all;
  for (int i = 0; i < 9'000; ++i) {
    copies.emplace_back(::fcntl(event.get(), F_DUPFD_CLOEXEC, 3));
    ASSERT_TRUE(copies.back());
    all.emplace_back();
    all.back().request.prepare_poll(copies.back().get(), POLLIN);
    h_.loop.start(all.back().request);
  }
  h_.run_until_quiet();
  const std::uint64_t one = 1;
  ASSERT_EQ(::write(event.get(), &one, sizeof one), 8);
  ASSERT_TRUE(h_.turn_until([&] {
    for (const recorded& r : all)
      if (r.times == 0) return false;
    return true;
  }));
  for (const recorded& r : all) ASSERT_EQ(r.times, 1);
}

TEST_P(io, a_wait_without_events_sleeps) {
  // An idle loop with a deadline 60 ms away comes round a few times, not all the time.
  detail::deadline_timer deadline;
  bool struck = false;
  struct flag_setter {
    bool& flag;
    void set() { flag = true; }
  } setter{struck};
  deadline.expired = detail::delegate<>::to<&flag_setter::set>(&setter);
  h_.loop.arm_after(deadline, std::chrono::milliseconds(60));
  ASSERT_TRUE(h_.turn_until([&] { return struck; }));
  EXPECT_LE(h_.turns, 20);
}

}  // namespace
}  // namespace execo::test
