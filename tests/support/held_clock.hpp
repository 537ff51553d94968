// A clock that stands still, for tests of what time does.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include "execo/context.hpp"
#include "loop/loop.hpp"

namespace execo::test {

/// The time of one loop. Shows the same until it is moved.
class held_clock : public detail::held_time {
 public:
  explicit held_clock(detail::loop& of) noexcept : of_(&of) { of_->hold_time(this); }
  explicit held_clock(context& of) noexcept : held_clock(detail::loop_of(of)) {}
  held_clock(const held_clock&) = delete;
  held_clock& operator=(const held_clock&) = delete;
  /// When no timer is armed any more.
  virtual ~held_clock() {
    if (of_ != nullptr) of_->hold_time(nullptr);
  }
  /// The loop is gone.
  void outlive_loop() noexcept { of_ = nullptr; }

  detail::clock::time_point now() const noexcept override { return now_; }
  /// Moves it, and lets the loop do what is due.
  void pass(detail::clock::duration time) {
    now_ += time;
    for (int i = 0; i < 4; ++i) of_->turn(0);
  }
  detail::clock::duration elapsed() const noexcept { return now_ - began_; }

 protected:
  // Far from any real time: code that reads another clock gives results that are plainly wrong.
  const detail::clock::time_point began_{std::chrono::hours(1'000'000)};
  detail::clock::time_point now_ = began_;

 private:
  detail::loop* of_;
};

/// One that goes to the next deadline when nothing else is to be done: for coroutines that wait for
/// time alone.
class running_clock final : public held_clock {
 public:
  using held_clock::held_clock;
  void idle_until(detail::clock::time_point next) noexcept override {
    if (next > now_) now_ = next;
  }
};

/// A clock that coroutines on the loop control: it stands still, advances on request, or skips
/// ahead to the next deadline.
class led_clock final : public held_clock {
 public:
  using held_clock::held_clock;
  /// What is due then happens in the next turn.
  void advance(detail::clock::duration time) noexcept { now_ += time; }
  /// From now on each deadline that is at most so far away is there after a millisecond: where
  /// nothing but time can end a wait, and to look at something again each millisecond.
  void hurry(detail::clock::duration most = std::chrono::hours(1000)) noexcept {
    limit_ = now_ + most;
  }
  void stand() noexcept { limit_ = now_; }

  void idle_until(detail::clock::time_point next) noexcept override {
    if (next > limit_ || next <= now_) return;
    constexpr detail::clock::duration longest = std::chrono::milliseconds(1);
    std::this_thread::sleep_for(std::min(next - now_, longest));
    now_ = next;
  }

 private:
  detail::clock::time_point limit_{};
};

}  // namespace execo::test
