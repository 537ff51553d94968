// What the kernel allows: the rows of bench/runtime that move bytes as plain loops over epoll or
// io_uring, written for the row and for nothing else. EXECO_BACKEND chooses which. See
// runtime_rows.hpp.
#include <fcntl.h>
#include <liburing.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <deque>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "runtime_rows.hpp"

namespace {

using bench::stretch;

void check(int error) {
  if (error < 0) throw std::system_error(-error, std::system_category());
}

/// Writes a byte for each that it reads; who serves begins.
struct player {
  player(int i, int o, int rounds, bool s) : in(i), out(o), left(rounds), serves(s) {}
  /// A byte has come: whether one goes back.
  bool hit() { return --left > 0 || !serves; }

  int in;
  int out;
  int left;
  bool serves;
  char byte = 'x';
};

std::deque<player> make_players(int count, int pairs) {
  std::deque<player> all;
  const int rounds = count / pairs / 2;
  for (int i = 0; i < pairs; ++i) {
    const bench::pipe_numbers there, back;
    all.emplace_back(back.out, there.in, rounds, true);
    all.emplace_back(there.out, back.in, rounds, false);
  }
  return all;
}

class epoll {
 public:
  epoll() : fd_(::epoll_create1(EPOLL_CLOEXEC)) { bench::expect(fd_ >= 0); }
  epoll(const epoll&) = delete;
  epoll& operator=(const epoll&) = delete;
  ~epoll() { ::close(fd_); }

  void watch(int fd, void* data) const {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLET;
    event.data.ptr = data;
    bench::expect(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    bench::expect(::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0);
  }
  /// What is ready now.
  template <class Ready>
  void wait(Ready ready) {
    const int n = ::epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), -1);
    bench::expect(n > 0);
    for (int i = 0; i < n; ++i) ready(events_[static_cast<std::size_t>(i)].data.ptr);
  }

 private:
  int fd_;
  std::array<epoll_event, 256> events_{};
};

namespace by_epoll {

void strike(const player& p) { bench::expect(::write(p.out, &p.byte, 1) == 1); }

void ping_pong(int count, int pairs, stretch& measured) {
  std::deque<player> all = make_players(count, pairs);
  std::size_t playing = all.size();
  epoll e;
  measured.begin();
  for (player& p : all) e.watch(p.in, &p);
  for (player& p : all)
    if (p.serves) strike(p);
  while (playing > 0)
    e.wait([&](void* data) {
      auto& p = *static_cast<player*>(data);
      char bytes[64];
      bench::expect(::read(p.in, bytes, sizeof bytes) == 1);
      if (p.hit()) strike(p);
      if (p.left == 0) --playing;
    });
  measured.end();
}

void ping_pong_2(int count, stretch& measured) { ping_pong(count, 1, measured); }
void ping_pong_128(int count, stretch& measured) { ping_pong(count, 64, measured); }

void drain(int count, stretch& measured) {
  const bench::pipe_numbers ends;
  std::thread writer([&] { bench::write_blocks(ends.in, count); });
  std::vector<char> into(bench::block_bytes);
  epoll e;
  e.watch(ends.out, nullptr);
  long sum = 0;
  bool open = true;
  measured.begin();
  while (open)
    e.wait([&](void*) {
      ssize_t n = 0;
      while ((n = ::read(ends.out, into.data(), into.size())) > 0) sum += n;
      open = n != 0;
    });
  measured.end();
  bench::expect(sum == long{bench::block_bytes} * count);
  writer.join();
}

/// Answers each call with one, until there have been `count`.
void answer(int count, int mine, int others) {
  epoll e;
  e.watch(mine, nullptr);
  for (int i = 0; i < count; ++i)
    e.wait([&](void*) {
      std::uint64_t calls = 0;
      bench::expect(::read(mine, &calls, sizeof calls) == sizeof calls);
      bench::call(others);
    });
}

void hop(int count, stretch& measured) {
  const int here = ::eventfd(0, EFD_CLOEXEC), there = ::eventfd(0, EFD_CLOEXEC);
  std::thread other([&] { answer(count, there, here); });
  measured.begin();
  bench::call(here);
  answer(count, here, there);
  measured.end();
  other.join();
}

}  // namespace by_epoll

class uring {
 public:
  uring() {
    int error =
        io_uring_queue_init(512, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
    if (error == -EINVAL) error = io_uring_queue_init(512, &ring_, 0);
    check(error);
  }
  uring(const uring&) = delete;
  uring& operator=(const uring&) = delete;
  ~uring() { io_uring_queue_exit(&ring_); }

  void read(int fd, void* into, unsigned size, void* data) {
    io_uring_sqe* sqe = next();
    io_uring_prep_read(sqe, fd, into, size, static_cast<std::uint64_t>(-1));
    io_uring_sqe_set_data(sqe, data);
  }
  /// Nothing is said of its end.
  void write(int fd, const void* bytes, unsigned size) {
    io_uring_sqe* sqe = next();
    io_uring_prep_write(sqe, fd, bytes, size, static_cast<std::uint64_t>(-1));
    io_uring_sqe_set_data(sqe, nullptr);
  }
  /// What has completed, with its result.
  template <class Done>
  void wait(Done done) {
    check(io_uring_submit_and_wait(&ring_, 1));
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
      void* data = io_uring_cqe_get_data(cqe);
      const int result = cqe->res;
      io_uring_cqe_seen(&ring_, cqe);
      if (data != nullptr) done(data, result);
    }
  }

 private:
  io_uring_sqe* next() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    bench::expect(sqe != nullptr);
    return sqe;
  }

  io_uring ring_{};
};

namespace by_uring {

void ping_pong(int count, int pairs, stretch& measured) {
  std::deque<player> all = make_players(count, pairs);
  std::size_t playing = all.size();
  uring ring;
  measured.begin();
  for (player& p : all) ring.read(p.in, &p.byte, 1, &p);
  for (player& p : all)
    if (p.serves) ring.write(p.out, "x", 1);
  while (playing > 0)
    ring.wait([&](void* data, int result) {
      auto& p = *static_cast<player*>(data);
      bench::expect(result == 1);
      if (p.hit()) ring.write(p.out, "x", 1);
      if (p.left > 0) ring.read(p.in, &p.byte, 1, &p);
      if (p.left == 0) --playing;
    });
  measured.end();
}

void ping_pong_2(int count, stretch& measured) { ping_pong(count, 1, measured); }
void ping_pong_128(int count, stretch& measured) { ping_pong(count, 64, measured); }

void drain(int count, stretch& measured) {
  const bench::pipe_numbers ends;
  std::thread writer([&] { bench::write_blocks(ends.in, count); });
  std::vector<char> into(bench::block_bytes);
  uring ring;
  long sum = 0;
  bool open = true;
  measured.begin();
  while (open) {
    ring.read(ends.out, into.data(), bench::block_bytes, &sum);
    ring.wait([&](void*, int result) {
      check(result);
      sum += result;
      open = result != 0;
    });
  }
  measured.end();
  bench::expect(sum == long{bench::block_bytes} * count);
  writer.join();
}

/// Answers each call with one, until there have been `count`.
void answer(int count, int mine, int others) {
  uring ring;
  std::uint64_t calls = 0;
  for (int i = 0; i < count; ++i) {
    ring.read(mine, &calls, sizeof calls, &calls);
    ring.wait([&](void*, int result) {
      bench::expect(result == sizeof calls);
      bench::call(others);
    });
  }
}

void hop(int count, stretch& measured) {
  const int here = ::eventfd(0, EFD_CLOEXEC), there = ::eventfd(0, EFD_CLOEXEC);
  std::thread other([&] { answer(count, there, here); });
  measured.begin();
  bench::call(here);
  answer(count, here, there);
  measured.end();
  other.join();
}

}  // namespace by_uring

const bench::row_entry epoll_rows[] = {{"pipe2", &by_epoll::ping_pong_2},
                                       {"pipe128", &by_epoll::ping_pong_128},
                                       {"drain", &by_epoll::drain},
                                       {"hop", &by_epoll::hop}};

const bench::row_entry uring_rows[] = {{"pipe2", &by_uring::ping_pong_2},
                                       {"pipe128", &by_uring::ping_pong_128},
                                       {"drain", &by_uring::drain},
                                       {"hop", &by_uring::hop}};

}  // namespace

int main(int argc, char** argv) {
  const char* backend = std::getenv("EXECO_BACKEND");
  if (backend != nullptr && std::string(backend) == "epoll")
    return bench::run_row(epoll_rows, argc, argv);
  return bench::run_row(uring_rows, argc, argv);
}
