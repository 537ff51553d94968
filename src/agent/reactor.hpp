// The event loop of the agent: epoll and timers, on one thread.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <utility>

#include "base/fd.hpp"
#include "execo/detail/delegate.hpp"

namespace execo::agent {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using detail::delegate;
using detail::unique_fd;
using std::chrono::milliseconds;

/// Somebody who waits for a descriptor. It must not move while a reactor knows it.
class watch {
 public:
  /// `on_ready` is given the events of epoll.
  explicit watch(delegate<std::uint32_t> on_ready) noexcept : on_ready_(on_ready) {}
  watch(const watch&) = delete;
  watch& operator=(const watch&) = delete;

 private:
  friend class reactor;
  delegate<std::uint32_t> on_ready_;
  int fd_ = -1;
  std::uint32_t events_ = 0;
};

/// Calls once, when its time has come. It must not move while it is armed.
class alarm {
 public:
  explicit alarm(delegate<> on_time) noexcept : on_time_(on_time) {}
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  bool armed() const noexcept { return armed_; }
  time_point due() const noexcept { return due_; }

 private:
  friend class reactor;
  delegate<> on_time_;
  time_point due_{};
  bool armed_ = false;
};

class reactor {
 public:
  /// Gives up without a descriptor for it.
  reactor();

  /// Waits for `events` of `fd` until forget(). With no events at all the descriptor is not even
  /// watched for its end. False, with errno set, if the kernel refuses.
  bool look(watch& who, int fd, std::uint32_t events);
  /// Pre: the descriptor is still open.
  void forget(watch& who) noexcept;

  /// Also if it is armed already.
  void arm(alarm& who, time_point due);
  void disarm(alarm& who) noexcept;

  /// For who reads a descriptor, and is done with the bytes when it returns: one for all, so that
  /// their pages are touched once.
  std::span<char> read_buffer() noexcept { return buffer_; }

  /// The time at which this turn began.
  time_point now() const noexcept { return now_; }
  /// Calls `after_turn` after each turn, until stop().
  void run(delegate<> after_turn);
  void stop() noexcept { stopped_ = true; }

 private:
  int patience() const noexcept;
  void ring();

  static constexpr int turn_size = 64;
  static constexpr std::size_t buffer_size = std::size_t{64} * 1024;

  unique_fd epoll_;
  std::set<std::pair<time_point, alarm*>> alarms_;
  std::array<epoll_event, turn_size> turn_;  // those of who is forgotten meanwhile are null
  int ready_ = 0;
  time_point now_;
  bool stopped_ = false;
  std::array<char, buffer_size> buffer_;
};

}  // namespace execo::agent
