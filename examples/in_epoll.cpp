// execo inside a program with its own epoll loop, on one thread: the loop also waits for the
// context's handle, and at most for the time that the context says.
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <execo/execo.hpp>

void watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main() {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int ticker = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  itimerspec every_10ms{{0, 10'000'000}, {0, 10'000'000}};
  timerfd_settime(ticker, 0, &every_10ms, nullptr);

  execo::context guest;
  watch(epoll, ticker);
  watch(epoll, guest.native_handle());

  int ticks = 0;
  bool done = false;
  auto run = execo::start(guest, execo::process("sh -c 'sleep 0.2; echo hello'").run(),
                          [&](execo::outcome<execo::result> end) {
                            fmt::print("{}", end.value().out);
                            done = true;
                          });
  while (!done || ticks < 4) {
    epoll_event event{};
    int n = epoll_wait(epoll, &event, 1, guest.poll_timeout());
    std::uint64_t expired = 0;
    if (n == 1 && event.data.fd == ticker && read(ticker, &expired, sizeof expired) > 0) ++ticks;
    guest.poll();
  }
  close(ticker);
  close(epoll);
  return run.done() ? 0 : 1;
}
