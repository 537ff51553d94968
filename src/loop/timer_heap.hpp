// Timers of one loop, in user space: removing one from the kernel is O(n) there, and command
// deadlines are nearly always removed. A 4-ary heap with back-links: arming a late deadline and
// disarming it touch one or two levels.
#pragma once

#include <cassert>
#include <cstddef>
#include <string>
#include <vector>

#include "execo/detail/deadline_timer.hpp"

namespace execo::detail {

class timer_heap {
 public:
  timer_heap() = default;
  timer_heap(const timer_heap&) = delete;
  timer_heap& operator=(const timer_heap&) = delete;
  ~timer_heap();

  /// `now` is for describe() alone.
  void arm(deadline_timer& t, clock::time_point when, clock::time_point now = {}) noexcept;
  void disarm(deadline_timer& t) noexcept;
  bool empty() const noexcept { return entries_.empty() && unplaced_ == nullptr; }
  std::size_t size() const noexcept { return entries_.size(); }
  /// Pre: !empty(). While memory is short it may be too early.
  clock::time_point next() const noexcept {
    assert(!empty());
    if (unplaced_ != nullptr) return earliest_unplaced();
    return entries_.front().when;
  }
  /// One was due before `when`.
  bool overdue(clock::time_point when) const noexcept { return !empty() && next() < when; }

  /// A line for each, the next one to expire first.
  std::vector<std::string> describe(clock::time_point now) const;

  /// Calls `expired` of all that are due at `now`, each disarmed before.
  void expire(clock::time_point now);

 private:
  struct entry {
    clock::time_point when;
    deadline_timer* which;
  };
  static constexpr std::uint32_t no_place = ~std::uint32_t{0};

  bool reserve_one() noexcept;
  void insert(deadline_timer& t, clock::time_point when) noexcept;
  bool take_unplaced(deadline_timer& t) noexcept;
  void place_the_rest() noexcept;
  clock::time_point earliest_unplaced() const noexcept;
  void place(std::size_t i, entry e) noexcept;
  void sift_up(std::size_t i, entry e) noexcept;
  void sift_down(std::size_t i, entry e) noexcept;

  std::vector<entry> entries_;
  deadline_timer* unplaced_ = nullptr;  // armed when there was no memory for them
};

}  // namespace execo::detail
