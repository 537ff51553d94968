// Descriptors that a loop keeps registered from one request to the next.
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <deque>
#include <string>

#include "loop/registered_fd.hpp"
#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using detail::registered_fd;
using detail::unique_fd;

class registered : public on_each_backend {
 protected:
  /// Under the number `as`, or under any.
  registered_fd take(unique_fd fd, int as = -1) {
    if (as < 0 || as == fd.get()) return registered_fd(std::move(fd), h_.loop);
    EXPECT_EQ(::dup3(fd.get(), as, O_CLOEXEC), as);
    return registered_fd(unique_fd(as), h_.loop);
  }

  /// A read that begins now.
  void read(recorded& r, const registered_fd& from) {
    r.result.reset();
    r.request.prepare_read(from.get(), bytes_.data(), bytes_.size());
    h_.loop.start(r.request);
  }
  /// What one read from it gives: waits for that.
  std::string read(const registered_fd& from) {
    recorded r;
    read(r, from);
    EXPECT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
    EXPECT_GE(*r.result, 0);
    return std::string(bytes_.data(), static_cast<std::size_t>(std::max(*r.result, 0)));
  }
  void expect_to_wait(const recorded& r) {
    h_.run_until_quiet();
    EXPECT_FALSE(r.result) << *r.result;
  }
  std::string text_of(recorded& r) {
    EXPECT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
    return std::string(bytes_.data(), static_cast<std::size_t>(std::max(*r.result, 0)));
  }
  static void write(const unique_fd& to, const std::string& text) {
    ASSERT_EQ(::write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  loop_harness h_;
  std::array<char, 8> bytes_{};
};
EXECO_ON_EACH_BACKEND(registered);

TEST_P(registered, becomes_readable_again_and_again) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  for (int i = 0; i < 200; ++i) {
    recorded r;
    read(r, in);
    if (i % 3 == 0) expect_to_wait(r);
    write(p.out, "abc");
    EXPECT_EQ(text_of(r), "abc");
  }
}

TEST_P(registered, becomes_readable_while_nothing_reads_it) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  recorded first;
  read(first, in);
  expect_to_wait(first);
  write(p.out, "a");
  EXPECT_EQ(text_of(first), "a");
  write(p.out, "b");
  h_.run_until_quiet();
  write(p.out, "c");
  h_.run_until_quiet();
  EXPECT_EQ(read(in), "bc");
}

TEST_P(registered, keeps_what_a_read_had_no_room_for) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  recorded r;
  read(r, in);
  expect_to_wait(r);
  write(p.out, "0123456789abcdef0123");
  EXPECT_EQ(text_of(r), "01234567");
  EXPECT_EQ(read(in), "89abcdef");
  EXPECT_EQ(read(in), "0123");
}

TEST_P(registered, ends_after_a_read_with_room_left) {
  for (const bool is_waited_for : {false, true}) {
    pipe_pair p(h_.loop);
    const registered_fd in = take(std::move(p.in));
    recorded r;
    read(r, in);
    expect_to_wait(r);
    write(p.out, "abc");
    p.out.reset();
    EXPECT_EQ(text_of(r), "abc");
    if (is_waited_for) h_.run_until_quiet();
    EXPECT_EQ(read(in), "");
    EXPECT_EQ(read(in), "");
  }
}

TEST_P(registered, ends_between_a_read_and_the_next_one) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  recorded r;
  read(r, in);
  expect_to_wait(r);
  write(p.out, "abc");
  EXPECT_EQ(text_of(r), "abc");
  p.out.reset();
  EXPECT_EQ(read(in), "");
}

TEST_P(registered, ends_while_a_read_waits) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  write(p.out, "abc");
  EXPECT_EQ(read(in), "abc");
  recorded r;
  read(r, in);
  expect_to_wait(r);
  p.out.reset();
  EXPECT_EQ(text_of(r), "");
}

// A read of one brings a packet, however much room it has.
TEST_P(registered, may_be_a_pipe_that_keeps_packets_apart) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  ASSERT_EQ(::fcntl(p.out.get(), F_SETFL, O_WRONLY | O_DIRECT), 0);
  recorded r;
  read(r, in);
  expect_to_wait(r);
  write(p.out, "one");
  write(p.out, "two");
  write(p.out, "three");
  EXPECT_EQ(text_of(r), "one");
  EXPECT_EQ(read(in), "two");
  EXPECT_EQ(read(in), "three");
}

TEST_P(registered, packets_wait_for_no_pause_of_the_loop) {
  pipe_pair p(h_.loop), busy(h_.loop);
  const registered_fd in = take(std::move(p.in));
  const registered_fd other = take(std::move(busy.in));
  ASSERT_EQ(::fcntl(p.out.get(), F_SETFL, O_WRONLY | O_DIRECT), 0);
  recorded always;
  always.then = [&](int) {
    write(busy.out, "x");
    read(always, other);
  };
  write(busy.out, "x");
  read(always, other);
  recorded first, second;
  std::array<char, 8> more{};
  first.then = [&](int) {
    second.request.prepare_read(in.get(), more.data(), more.size());
    h_.loop.start(second.request);
  };
  first.request.prepare_read(in.get(), more.data(), more.size());
  h_.loop.start(first.request);
  h_.run_until_quiet();
  write(p.out, "one");
  write(p.out, "two");
  EXPECT_TRUE(h_.turn_until([&] { return second.result.has_value(); }));
  EXPECT_EQ(second.result, 3);
  always.then = nullptr;
  h_.loop.cancel(always.request);
  ASSERT_TRUE(h_.turn_until([&] { return !always.request.active; }));
}

TEST_P(registered, packets_wait_for_no_other_event_of_a_host) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  ASSERT_EQ(::fcntl(p.out.get(), F_SETFL, O_WRONLY | O_DIRECT), 0);
  const int handle = h_.loop.native_handle();
  recorded r;
  std::string got;
  r.then = [&](int n) {
    got.append(bytes_.data(), static_cast<std::size_t>(std::max(n, 0)));
    if (got.size() < 6) read(r, in);
  };
  read(r, in);
  h_.run_until_quiet();
  write(p.out, "one");
  write(p.out, "two");
  while (got.size() < 6) {
    pollfd watched{handle, POLLIN, 0};
    const int timeout = h_.loop.poll_timeout_ms();
    const int ready = ::poll(&watched, 1, timeout < 0 ? 10'000 : timeout);
    ASSERT_TRUE(ready == 1 || timeout == 0) << "the host would sleep on";
    h_.loop.turn(0);
  }
  EXPECT_EQ(got, "onetwo");
}

TEST_P(registered, is_another_file_when_its_number_is_given_out_again) {
  int number = -1;
  for (int i = 0; i < 5; ++i) {
    pipe_pair p(h_.loop);
    registered_fd in = take(std::move(p.in), number);
    number = in.get();
    recorded r;
    read(r, in);
    expect_to_wait(r);
    write(p.out, "new");
    EXPECT_EQ(text_of(r), "new");
    read(r, in);
    expect_to_wait(r);
    h_.loop.cancel(r.request);
    ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
    EXPECT_EQ(*r.result, -ECANCELED);
    in.reset();
  }
}

TEST_P(registered, wakes_nobody_through_a_copy_once_it_is_closed) {
  pipe_pair old(h_.loop);
  registered_fd in = take(std::move(old.in));
  const int number = in.get();
  recorded r;
  read(r, in);
  expect_to_wait(r);
  write(old.out, "abc");
  EXPECT_EQ(text_of(r), "abc");
  const unique_fd copy(::fcntl(number, F_DUPFD_CLOEXEC, 3));
  in.reset();

  pipe_pair next(h_.loop);
  const registered_fd again = take(std::move(next.in), number);
  read(r, again);
  expect_to_wait(r);
  write(old.out, "for the copy");
  detail::deadline_timer deadline;
  struct flag {
    bool set = false;
    void raise() { set = true; }
  } struck;
  deadline.expired = detail::delegate<>::to<&flag::raise>(&struck);
  h_.loop.arm_after(deadline, std::chrono::milliseconds(60));
  h_.turns = 0;
  ASSERT_TRUE(h_.turn_until([&] { return struck.set; }));
  EXPECT_LE(h_.turns, 20) << "the loop spins";
  EXPECT_FALSE(r.result);
  write(next.out, "new");
  EXPECT_EQ(text_of(r), "new");
}

TEST_P(registered, is_plain_once_it_is_released) {
  pipe_pair p(h_.loop);
  registered_fd in = take(std::move(p.in));
  write(p.out, "abc");
  EXPECT_EQ(read(in), "abc");
  const registered_fd plain(in.release());
  EXPECT_FALSE(in);
  recorded r;
  read(r, plain);
  expect_to_wait(r);
  write(p.out, "def");
  EXPECT_EQ(text_of(r), "def");
}

TEST_P(registered, is_read_after_a_read_was_cancelled) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  for (const bool had_bytes : {false, true}) {
    if (had_bytes) {
      write(p.out, "abc");
      EXPECT_EQ(read(in), "abc");
    }
    recorded r;
    read(r, in);
    expect_to_wait(r);
    h_.loop.cancel(r.request);
    ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
    EXPECT_EQ(*r.result, -ECANCELED);
    write(p.out, "def");
    EXPECT_EQ(read(in), "def");
  }
}

TEST_P(registered, is_written_each_time_that_there_is_room) {
  pipe_pair p(h_.loop);
  ASSERT_GE(::fcntl(p.out.get(), F_SETPIPE_SZ, 4096), 4096);
  const registered_fd out = take(std::move(p.out));
  const std::string block(4096, 'x');
  recorded w;
  auto write_block = [&] {
    w.result.reset();
    w.request.prepare_write(out.get(), block.data(), block.size());
    h_.loop.start(w.request);
  };
  write_block();
  ASSERT_TRUE(h_.turn_until([&] { return w.result.has_value(); }));
  for (int i = 0; i < 20; ++i) {
    write_block();
    expect_to_wait(w);
    std::string got(4096, ' ');
    ASSERT_EQ(::read(p.in.get(), got.data(), got.size()), 4096);
    ASSERT_TRUE(h_.turn_until([&] { return w.result.has_value(); }));
    EXPECT_EQ(*w.result, 4096);
  }
  write_block();
  expect_to_wait(w);
  p.in.reset();
  ASSERT_TRUE(h_.turn_until([&] { return w.result.has_value(); }));
  EXPECT_EQ(*w.result, -EPIPE);
}

TEST_P(registered, is_read_and_written_at_once_again_and_again) {
  int ends[2];
  const int flags = SOCK_STREAM | SOCK_CLOEXEC | (h_.loop.wants_nonblocking() ? SOCK_NONBLOCK : 0);
  ASSERT_EQ(::socketpair(AF_UNIX, flags, 0, ends), 0);
  const registered_fd a = take(unique_fd(ends[0]));
  const unique_fd b(ends[1]);
  std::string bulk(1 << 20, 'x');
  for (int i = 0; i < 5; ++i) {
    while (::send(a.get(), bulk.data(), bulk.size(), MSG_DONTWAIT) > 0) {
    }
    recorded r, w;
    read(r, a);
    w.request.prepare_write(a.get(), "y", 1);
    h_.loop.start(w.request);
    expect_to_wait(r);
    expect_to_wait(w);
    if (i % 2 == 0) {
      write(b, "z");
      EXPECT_EQ(text_of(r), "z");
      expect_to_wait(w);
    }
    while (::recv(b.get(), bulk.data(), bulk.size(), MSG_DONTWAIT) > 0) {
    }
    ASSERT_TRUE(h_.turn_until([&] { return w.result.has_value(); }));
    EXPECT_EQ(*w.result, 1);
    if (i % 2 == 0) continue;
    expect_to_wait(r);
    write(b, "z");
    EXPECT_EQ(text_of(r), "z");
  }
}

TEST_P(registered, is_polled_beside_its_reads) {
  pipe_pair p(h_.loop);
  const registered_fd in = take(std::move(p.in));
  const registered_fd out = take(std::move(p.out));
  write(unique_fd(::fcntl(out.get(), F_DUPFD_CLOEXEC, 3)), "abc");
  EXPECT_EQ(read(in), "abc");
  recorded readable, gone, writable;
  readable.request.prepare_poll(in.get(), POLLIN);
  gone.request.prepare_poll(out.get(), POLLERR);
  h_.loop.start(readable.request);
  h_.loop.start(gone.request);
  h_.run_until_quiet();
  EXPECT_FALSE(readable.result || gone.result);
  EXPECT_EQ(::write(out.get(), "def", 3), 3);
  ASSERT_TRUE(h_.turn_until([&] { return readable.result.has_value(); }));
  EXPECT_EQ(*readable.result, POLLIN);
  EXPECT_EQ(read(in), "def");
  h_.loop.cancel(gone.request);
  ASSERT_TRUE(h_.turn_until([&] { return gone.result.has_value(); }));
  writable.request.prepare_poll(out.get(), POLLOUT);
  h_.loop.start(writable.request);
  ASSERT_TRUE(h_.turn_until([&] { return writable.result.has_value(); }));
  EXPECT_EQ(*writable.result, POLLOUT);
}

TEST_P(registered, comes_and_goes_from_the_completion_of_another) {
  std::deque<pipe_pair> pipes;
  std::deque<registered_fd> ins;
  std::deque<recorded> reads;
  for (int i = 0; i < 50; ++i) {
    pipes.emplace_back(h_.loop);
    ins.push_back(take(std::move(pipes.back().in)));
    reads.emplace_back();
  }
  std::size_t ended = 0;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    reads[i].then = [&, i](int) {
      ++ended;
      const int number = ins[i].get();
      ins[i].reset();
      pipes.emplace_back(h_.loop);
      ins.push_back(take(std::move(pipes.back().in), number));
    };
    read(reads[i], ins[i]);
  }
  h_.run_until_quiet();
  for (std::size_t i = 0; i < 50; ++i) write(pipes[i].out, "x");
  ASSERT_TRUE(h_.turn_until([&] { return ended == 50; }));
  h_.run_until_quiet();
  for (std::size_t i = 50; i < 100; ++i) {
    write(pipes[i].out, "new");
    EXPECT_EQ(read(ins[i]), "new");
  }
}

}  // namespace
}  // namespace execo::test
