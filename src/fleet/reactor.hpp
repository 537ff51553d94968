// The event loop of the fleet: one epoll, one timer heap, one thread. It knows nothing of ssh.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>

#include "base/fd.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/delegate.hpp"
#include "loop/timer_heap.hpp"

namespace execo::fleet {

using detail::clock;
using detail::deadline_timer;
using detail::delegate;
using detail::unique_fd;

/// What a descriptor's events are reported to. May be destroyed once it is removed.
class watch {
 public:
  watch() noexcept = default;
  explicit watch(delegate<std::uint32_t> on_ready) noexcept : ready(on_ready) {}
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

  delegate<std::uint32_t> ready;
};

class reactor {
 public:
  /// Throws: std::system_error.
  reactor();
  reactor(const reactor&) = delete;
  reactor& operator=(const reactor&) = delete;

  /// Throws: std::system_error.
  void add(int fd, std::uint32_t events, watch& w);
  void modify(int fd, std::uint32_t events, watch& w) noexcept;
  /// Nothing of it is reported any more, not in this turn, either.
  void remove(int fd, const watch& w) noexcept;

  /// Never earlier than `delay` from now; rearms an armed timer.
  void arm(deadline_timer& t, clock::duration delay) { timers_.arm(t, clock::now() + delay); }

  void disarm(deadline_timer& t) noexcept { timers_.disarm(t); }

  /// Called after each turn; the next turn does not wait if it returned by asking for one.
  delegate<> turn_ended;
  void turn_soon() noexcept { soon_ = true; }

  /// Until stop().
  void run();
  void stop() noexcept { stopped_ = true; }

 private:
  int wait_milliseconds() const noexcept;
  void report(std::span<epoll_event> batch);

  unique_fd epoll_;
  detail::timer_heap timers_;
  std::span<epoll_event> to_report_;  // the rest of this turn's batch
  bool soon_ = false;
  bool stopped_ = false;
};

}  // namespace execo::fleet
