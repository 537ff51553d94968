// A cancel at each point of a request's life, and descriptor numbers that come back.
#include <poll.h>
#include <sys/eventfd.h>

#include <deque>
#include <random>
#include <vector>

#include "unit/loop/loop_harness.hpp"
#include "unit/loop/on_each_backend.hpp"

namespace execo::test {
namespace {

using detail::unique_fd;

class cancel : public on_each_backend {
 protected:
  loop_harness h_;
};
EXECO_ON_EACH_BACKEND(cancel);

TEST_P(cancel, before_the_first_turn_ends_the_request) {
  pipe_pair p(h_.loop);
  char byte = 0;
  recorded r;
  r.request.prepare_read(p.in.get(), &byte, 1);
  h_.loop.start(r.request);
  h_.loop.cancel(r.request);
  EXPECT_FALSE(r.result) << "never from inside cancel";
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  EXPECT_EQ(*r.result, -ECANCELED);
}

TEST_P(cancel, ends_reads_writes_and_polls_that_wait) {
  pipe_pair empty(h_.loop);
  pipe_pair full(h_.loop);
  const int size = ::fcntl(full.out.get(), F_GETPIPE_SZ);
  std::string fill(static_cast<std::size_t>(size), 'x');
  ASSERT_EQ(::write(full.out.get(), fill.data(), fill.size()), size);
  pipe_pair polled(h_.loop);
  char byte = 0;
  recorded read, write, poll;
  read.request.prepare_read(empty.in.get(), &byte, 1);
  write.request.prepare_write(full.out.get(), "y", 1);
  poll.request.prepare_poll(polled.in.get(), POLLIN);
  for (recorded* r : {&read, &write, &poll}) h_.loop.start(r->request);
  h_.run_until_quiet();
  for (recorded* r : {&read, &write, &poll}) h_.loop.cancel(r->request);
  ASSERT_TRUE(h_.turn_until([&] { return read.result && write.result && poll.result; }));
  h_.run_until_quiet();
  for (recorded* r : {&read, &write, &poll}) {
    EXPECT_EQ(*r->result, -ECANCELED);
    EXPECT_EQ(r->times, 1);
  }
}

TEST_P(cancel, twice_is_once_and_of_an_idle_request_is_nothing) {
  pipe_pair p(h_.loop);
  char byte = 0;
  recorded r;
  h_.loop.cancel(r.request);
  r.request.prepare_read(p.in.get(), &byte, 1);
  h_.loop.start(r.request);
  h_.run_until_quiet();
  h_.loop.cancel(r.request);
  h_.loop.cancel(r.request);
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  h_.loop.cancel(r.request);
  h_.run_until_quiet();
  EXPECT_EQ(r.times, 1);
}

TEST_P(cancel, loses_no_byte_when_data_was_there_first) {
  pipe_pair p(h_.loop);
  char byte = 0;
  recorded r;
  r.request.prepare_read(p.in.get(), &byte, 1);
  h_.loop.start(r.request);
  h_.run_until_quiet();
  ASSERT_EQ(::write(p.out.get(), "ab", 2), 2);
  h_.loop.cancel(r.request);
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  std::string got;
  if (*r.result == 1) {
    got = byte;
  } else {
    EXPECT_EQ(*r.result, -ECANCELED);
  }
  char rest[4];
  const ssize_t n = ::read(p.in.get(), rest, sizeof rest);
  got.append(rest, static_cast<std::size_t>(std::max<ssize_t>(0, n)));
  EXPECT_EQ(got, "ab");
}

TEST_P(cancel, of_another_request_from_a_completion) {
  pipe_pair p(h_.loop);
  pipe_pair q(h_.loop);
  char a = 0;
  char b = 0;
  recorded first, second;
  first.request.prepare_read(p.in.get(), &a, 1);
  second.request.prepare_read(q.in.get(), &b, 1);
  first.then = [&](int) { h_.loop.cancel(second.request); };
  second.then = [&](int) { h_.loop.cancel(first.request); };
  h_.loop.start(first.request);
  h_.loop.start(second.request);
  h_.run_until_quiet();
  ASSERT_EQ(::write(p.out.get(), "x", 1), 1);
  ASSERT_EQ(::write(q.out.get(), "x", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return first.result && second.result; }));
  h_.run_until_quiet();
  EXPECT_EQ(first.times, 1);
  EXPECT_EQ(second.times, 1);
}

TEST_P(cancel, of_the_writer_from_the_reader_of_the_same_socket) {
  pipe_pair p(h_.loop);
  recorded in, out;
  char byte = 0;
  in.request.prepare_read(p.in.get(), &byte, 1);
  out.request.prepare_poll(p.out.get(), POLLERR);
  in.then = [&](int) { h_.loop.cancel(out.request); };
  h_.loop.start(in.request);
  h_.loop.start(out.request);
  h_.run_until_quiet();
  ASSERT_EQ(::write(p.out.get(), "x", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return in.result && out.result; }));
  EXPECT_EQ(*out.result, -ECANCELED);
}

TEST_P(cancel, a_request_is_started_again_from_its_own_cancelled_end) {
  pipe_pair p(h_.loop);
  char byte = 0;
  recorded r;
  r.then = [&](int n) {
    if (n != -ECANCELED) return;
    r.request.prepare_read(p.in.get(), &byte, 1);
    h_.loop.start(r.request);
  };
  r.request.prepare_read(p.in.get(), &byte, 1);
  h_.loop.start(r.request);
  h_.run_until_quiet();
  h_.loop.cancel(r.request);
  ASSERT_TRUE(h_.turn_until([&] { return r.times == 1; }));
  ASSERT_EQ(::write(p.out.get(), "x", 1), 1);
  ASSERT_TRUE(h_.turn_until([&] { return r.times == 2; }));
  EXPECT_EQ(*r.result, 1);
}

TEST_P(cancel, at_random_points_completes_each_request_once) {
  const auto seed = std::random_device()();
  std::mt19937_64 random(seed);
  constexpr std::size_t count = 64;
  std::vector<pipe_pair> pipes;
  std::deque<recorded> reads;
  std::vector<char> bytes(count);
  std::vector<int> started(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    pipes.emplace_back(h_.loop);
    reads.emplace_back();
  }
  for (int step = 0; step < 20'000; ++step) {
    auto i = random() % count;
    switch (random() % 5) {
      case 0:
      case 1:
        if (reads[i].request.active) break;
        reads[i].request.prepare_read(pipes[i].in.get(), &bytes[i], 1);
        h_.loop.start(reads[i].request);
        ++started[i];
        break;
      case 2:
        h_.loop.cancel(reads[i].request);
        break;
      case 3:
        ASSERT_EQ(::write(pipes[i].out.get(), "x", 1), 1);
        break;
      default:
        h_.loop.turn(0);
        break;
    }
  }
  for (recorded& r : reads) h_.loop.cancel(r.request);
  ASSERT_TRUE(h_.turn_until([&] {
    for (const recorded& r : reads)
      if (r.request.active) return false;
    return true;
  })) << "seed "
      << seed;
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(reads[i].times, started[i]) << "seed " << seed;
}

TEST_P(cancel, descriptor_numbers_come_back_with_another_meaning) {
  for (int round = 0; round < 200; ++round) {
    pipe_pair first(h_.loop);
    const int number = first.in.get();
    char byte = 0;
    recorded r;
    r.request.prepare_read(number, &byte, 1);
    h_.loop.start(r.request);
    h_.run_until_quiet();
    if (round % 2 == 0) {
      h_.loop.cancel(r.request);
    } else {
      ASSERT_EQ(::write(first.out.get(), "x", 1), 1);
    }
    ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
    first.in.reset();
    first.out.reset();
    pipe_pair second(h_.loop);
    ASSERT_EQ(second.in.get(), number) << "the kernel gives the lowest free number";
    recorded again;
    again.request.prepare_read(number, &byte, 1);
    h_.loop.start(again.request);
    h_.run_until_quiet();
    ASSERT_FALSE(again.result);
    ASSERT_EQ(::write(second.out.get(), "y", 1), 1);
    ASSERT_TRUE(h_.turn_until([&] { return again.result.has_value(); }));
    ASSERT_EQ(*again.result, 1);
    ASSERT_EQ(byte, 'y');
  }
}

// A host application that forks keeps copies of our descriptors: the kernel then does not forget
// what an epoll instance watched when we close ours, as epoll(7), Q6, tells.
TEST_P(cancel, a_closed_descriptor_of_which_a_copy_lives_on_does_not_wake_the_loop) {
  pipe_pair first(h_.loop);
  const int number = first.in.get();
  unique_fd copy(::fcntl(number, F_DUPFD_CLOEXEC, 100));
  char byte = 0;
  recorded r;
  r.request.prepare_read(number, &byte, 1);
  h_.loop.start(r.request);
  h_.run_until_quiet();
  h_.loop.cancel(r.request);
  ASSERT_TRUE(h_.turn_until([&] { return r.result.has_value(); }));
  first.in.reset();
  // The copy is at its end of file from now on, and nobody of ours waits for it.
  first.out.reset();
  unique_fd reused(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  ASSERT_EQ(reused.get(), number);
  recorded other;
  other.request.prepare_poll(number, POLLIN);
  h_.loop.start(other.request);
  h_.turns = 0;
  detail::deadline_timer until;
  struct stopper {
    bool over = false;
    void stop() { over = true; }
  } stop;
  until.expired = detail::delegate<>::to<&stopper::stop>(&stop);
  h_.loop.arm_after(until, std::chrono::milliseconds(60));
  ASSERT_TRUE(h_.turn_until([&] { return stop.over; }));
  EXPECT_LE(h_.turns, 20) << "the loop spins";
  EXPECT_FALSE(other.result) << "an event of the old descriptor was taken for the new one's";
  h_.loop.cancel(other.request);
  ASSERT_TRUE(h_.turn_until([&] { return other.result.has_value(); }));
}

}  // namespace
}  // namespace execo::test
