#include "loop/timer_heap.hpp"

#include <algorithm>

namespace execo::detail {

timer::~timer() {
  if (heap_ != nullptr) heap_->disarm(*this);
}

void timer_heap::arm(timer& t, clock::time_point when, clock::time_point now) {
  if (t.armed()) disarm(t);
  entries_.push_back(entry{when, &t});
  t.heap_ = this;
  t.armed_at_ = now;
  sift_up(entries_.size() - 1, entry{when, &t});
}

void timer_heap::disarm(timer& t) noexcept {
  if (!t.armed()) return;
  std::size_t i = t.index_;
  t.heap_ = nullptr;
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
  // One that its callback arms again for now waits for the next pass: I/O is never starved.
  for (std::size_t left = entries_.size(); left > 0; --left) {
    if (entries_.empty() || entries_.front().when > now) return;
    timer& t = *entries_.front().which;
    disarm(t);
    t.expired();
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
