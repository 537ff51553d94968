#include "fleet/reactor.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <system_error>

namespace execo::fleet {

namespace {

// A small batch keeps the listener's turn near: 64 key exchanges take about 20 ms, in which the
// listen queue holds the connections that arrive.
constexpr std::size_t batch_size = 64;

epoll_event interest(std::uint32_t events, watch& w) noexcept {
  epoll_event e{};
  e.events = events;
  e.data.ptr = &w;
  return e;
}

}  // namespace

reactor::reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::generic_category(), "epoll_create1");
}

void reactor::add(int fd, std::uint32_t events, watch& w) {
  epoll_event e = interest(events, w);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void reactor::modify(int fd, std::uint32_t events, watch& w) noexcept {
  epoll_event e = interest(events, w);
  // Fails only for a descriptor that is not there, which is a bug the tests would show as a hang.
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &e);
}

void reactor::remove(int fd, const watch& w) noexcept {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);  // as in modify
  for (epoll_event& e : to_report_)
    if (e.data.ptr == &w) e.data.ptr = nullptr;
}

int reactor::wait_milliseconds() const noexcept {
  if (soon_) return 0;
  if (timers_.empty()) return -1;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.next() - clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

// Any of them may remove and destroy others.
void reactor::report(std::span<epoll_event> batch) {
  to_report_ = batch;
  while (!to_report_.empty()) {
    epoll_event next = to_report_.front();
    to_report_ = to_report_.subspan(1);
    if (next.data.ptr != nullptr) static_cast<watch*>(next.data.ptr)->ready(next.events);
  }
}

void reactor::run() {
  std::array<epoll_event, batch_size> batch;
  while (!stopped_) {
    int n = ::epoll_wait(epoll_.get(), batch.data(), batch.size(), wait_milliseconds());
    soon_ = false;
    if (n < 0 && errno != EINTR)
      throw std::system_error(errno, std::generic_category(), "epoll_wait");
    report(std::span(batch).first(static_cast<std::size_t>(std::max(n, 0))));
    timers_.expire(clock::now());
    if (turn_ended) turn_ended();
  }
}

}  // namespace execo::fleet
