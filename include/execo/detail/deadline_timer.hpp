// A deadline that its owner carries. The loop it is armed on calls `expired`.
#pragma once

#include <chrono>
#include <cstdint>

#include "execo/detail/delegate.hpp"

namespace execo::detail {

using clock = std::chrono::steady_clock;

/// The time of a loop, where a test holds it.
class held_time {
 public:
  virtual clock::time_point now() const noexcept = 0;
  /// Nothing is to be done before `next`: the loop would wait.
  virtual void idle_until(clock::time_point next) noexcept { (void)next; }

 protected:
  ~held_time() = default;
};

class loop;
class timer_heap;

/// Leaves its heap by itself when destroyed, which has to be on the loop's thread.
class deadline_timer {
 public:
  deadline_timer() noexcept = default;
  /// `name` is a literal, for context::dump().
  explicit deadline_timer(delegate<> on_expiry, const char* name = "without a name") noexcept
      : expired(on_expiry), name_(name) {}
  deadline_timer(const deadline_timer&) = delete;
  deadline_timer& operator=(const deadline_timer&) = delete;
  ~deadline_timer();

  bool armed() const noexcept { return heap_ != nullptr; }

  /// Called on the loop's thread, disarmed.
  delegate<> expired;

 private:
  friend class timer_heap;
  timer_heap* heap_ = nullptr;
  const char* name_ = "without a name";
  clock::time_point armed_at_{};
  clock::time_point when_{};        // of one that found no place in the heap
  deadline_timer* next_ = nullptr;  // among those
  std::uint32_t index_ = 0;
};

/// On the loop's thread, from headers that do not know what a loop is.
void arm_after(loop& l, deadline_timer& t, clock::duration delay);
void disarm(loop& l, deadline_timer& t) noexcept;

}  // namespace execo::detail
