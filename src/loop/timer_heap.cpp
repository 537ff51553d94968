#include "loop/timer_heap.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace execo::detail {

deadline_timer::~deadline_timer() {
  if (heap_ != nullptr) heap_->disarm(*this);
}

timer_heap::~timer_heap() {
  for (entry& e : entries_) e.which->heap_ = nullptr;
  for (deadline_timer* t = unplaced_; t != nullptr; t = t->next_) t->heap_ = nullptr;
}

void timer_heap::arm(deadline_timer& t, clock::time_point when, clock::time_point now) noexcept {
  if (t.armed()) disarm(t);
  t.heap_ = this;
  t.armed_at_ = now;
  if (reserve_one()) return insert(t, when);
  t.index_ = no_place;
  t.when_ = when;
  t.next_ = std::exchange(unplaced_, &t);
}

bool timer_heap::reserve_one() noexcept {
  if (entries_.size() < entries_.capacity()) return true;
  try {
    entries_.reserve(std::max<std::size_t>(16, entries_.size() * 2));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void timer_heap::insert(deadline_timer& t, clock::time_point when) noexcept {
  entries_.push_back(entry{when, &t});
  sift_up(entries_.size() - 1, entry{when, &t});
}

bool timer_heap::take_unplaced(deadline_timer& t) noexcept {
  for (deadline_timer** at = &unplaced_; *at != nullptr; at = &(*at)->next_) {
    if (*at != &t) continue;
    *at = t.next_;
    return true;
  }
  return false;
}

void timer_heap::place_the_rest() noexcept {
  while (unplaced_ != nullptr && reserve_one()) {
    deadline_timer& t = *unplaced_;
    unplaced_ = t.next_;
    insert(t, t.when_);
  }
}

clock::time_point timer_heap::earliest_unplaced() const noexcept {
  clock::time_point first = entries_.empty() ? unplaced_->when_ : entries_.front().when;
  for (deadline_timer* t = unplaced_; t != nullptr; t = t->next_) first = std::min(first, t->when_);
  return first;
}

void timer_heap::disarm(deadline_timer& t) noexcept {
  if (!t.armed()) return;
  t.heap_ = nullptr;
  if (t.index_ == no_place) {
    (void)take_unplaced(t);
    return;
  }
  std::size_t i = t.index_;
  entry last = entries_.back();
  entries_.pop_back();
  if (i == entries_.size()) return;
  if (i > 0 && last.when < entries_[(i - 1) / 4].when) {
    sift_up(i, last);
  } else {
    sift_down(i, last);
  }
}

void timer_heap::expire(clock::time_point now) {
  if (unplaced_ != nullptr) place_the_rest();
  // One that its callback arms again for now waits for the next pass: I/O is never starved.
  for (std::size_t left = entries_.size(); left > 0; --left) {
    if (entries_.empty() || entries_.front().when > now) return;
    deadline_timer& t = *entries_.front().which;
    disarm(t);
    t.expired();
  }
  // Still without a place: each once, those that are armed meanwhile in the next pass.
  for (deadline_timer** at = &unplaced_; *at != nullptr;) {
    deadline_timer& t = **at;
    if (t.when_ > now) {
      at = &t.next_;
      continue;
    }
    disarm(t);
    t.expired();
    return;
  }
}

void timer_heap::place(std::size_t i, entry e) noexcept {
  entries_[i] = e;
  e.which->index_ = static_cast<std::uint32_t>(i);
}

void timer_heap::sift_up(std::size_t i, entry e) noexcept {
  while (i > 0) {
    std::size_t parent = (i - 1) / 4;
    if (entries_[parent].when <= e.when) break;
    place(i, entries_[parent]);
    i = parent;
  }
  place(i, e);
}

void timer_heap::sift_down(std::size_t i, entry e) noexcept {
  for (;;) {
    std::size_t first = 4 * i + 1;
    if (first >= entries_.size()) break;
    std::size_t last = std::min(first + 4, entries_.size());
    std::size_t least = first;
    for (std::size_t k = first + 1; k < last; ++k)
      if (entries_[k].when < entries_[least].when) least = k;
    if (e.when <= entries_[least].when) break;
    place(i, entries_[least]);
    i = least;
  }
  place(i, e);
}

}  // namespace execo::detail
