// Timers of one loop, in user space: removing one from the kernel is O(n) there, and command
// deadlines are nearly always removed. A 4-ary heap with back-links: arming a late deadline and
// disarming it touch one or two levels.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "execo/detail/timer.hpp"

namespace execo::detail {

class timer_heap {
 public:
  timer_heap() = default;
  timer_heap(const timer_heap&) = delete;
  timer_heap& operator=(const timer_heap&) = delete;
  ~timer_heap() {
    for (entry& e : entries_) e.which->heap_ = nullptr;
  }

  /// `now` is for describe() alone.
  void arm(timer& t, clock::time_point when, clock::time_point now = {});
  void disarm(timer& t) noexcept;
  bool empty() const noexcept { return entries_.empty(); }
  std::size_t size() const noexcept { return entries_.size(); }
  clock::time_point next() const noexcept { return entries_.front().when; }
  /// One was due before `when`.
  bool overdue(clock::time_point when) const noexcept { return !empty() && next() < when; }

  /// A line for each, the next one to strike first.
  std::vector<std::string> describe(clock::time_point now) const;

  /// Calls `expired` of all that are due at `now`, each disarmed before.
  void expire(clock::time_point now);

 private:
  struct entry {
    clock::time_point when;
    timer* which;
  };
  void place(std::size_t i, entry e) noexcept;
  void sift_up(std::size_t i, entry e) noexcept;
  void sift_down(std::size_t i, entry e) noexcept;

  std::vector<entry> entries_;
};

}  // namespace execo::detail
