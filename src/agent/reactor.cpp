#include "agent/reactor.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>

#include "agent/start.hpp"

namespace execo::agent {

reactor::reactor() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), now_(clock::now()) {
  if (!epoll_) give_up("epoll cannot be had: no descriptors, or the kernel forbids it");
}

bool reactor::look(watch& who, int fd, std::uint32_t events) {
  assert(fd >= 0 && (who.fd_ < 0 || who.fd_ == fd));
  if (who.fd_ == fd && who.events_ == events) return true;
  // Hang-ups are told whether they are asked for or not: they would keep a reader busy that does
  // not read.
  if (events == 0) {
    forget(who);
    return true;
  }
  epoll_event what{};
  what.events = events;
  what.data.ptr = &who;
  int how = who.fd_ < 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.get(), how, fd, &what) != 0) return false;
  who.fd_ = fd;
  who.events_ = events;
  return true;
}

void reactor::forget(watch& who) noexcept {
  if (who.fd_ < 0) return;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, who.fd_, nullptr);
  who.fd_ = -1;
  who.events_ = 0;
  for (int i = 0; i < ready_; ++i)
    if (turn_[static_cast<std::size_t>(i)].data.ptr == &who)
      turn_[static_cast<std::size_t>(i)].data.ptr = nullptr;
}

void reactor::arm(alarm& who, time_point due) {
  disarm(who);
  who.due_ = due;
  who.armed_ = true;
  alarms_.emplace(due, &who);
}

void reactor::disarm(alarm& who) noexcept {
  if (!who.armed_) return;
  alarms_.erase({who.due_, &who});
  who.armed_ = false;
}

int reactor::patience() const noexcept {
  if (alarms_.empty()) return -1;
  auto left = std::chrono::ceil<milliseconds>(alarms_.begin()->first - clock::now()).count();
  return static_cast<int>(std::clamp<decltype(left)>(left, 0, std::numeric_limits<int>::max()));
}

void reactor::ring() {
  while (!alarms_.empty() && alarms_.begin()->first <= now_) {
    alarm& who = *alarms_.begin()->second;
    disarm(who);
    who.on_time_();
  }
}

void reactor::run(delegate<> after_turn) {
  while (!stopped_) {
    ready_ = ::epoll_wait(epoll_.get(), turn_.data(), turn_size, patience());
    now_ = clock::now();
    if (ready_ < 0) ready_ = 0;
    for (int i = 0; i < ready_; ++i) {
      const epoll_event& event = turn_[static_cast<std::size_t>(i)];
      if (event.data.ptr != nullptr) static_cast<watch*>(event.data.ptr)->on_ready_(event.events);
    }
    ready_ = 0;
    ring();
    after_turn();
  }
}

}  // namespace execo::agent
