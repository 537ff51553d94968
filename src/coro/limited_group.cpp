#include "execo/detail/limited_group.hpp"

#include <cassert>

#include "loop/loop.hpp"

namespace execo::detail {
namespace {

// Operations that end at once could keep the loop from everything else.
constexpr unsigned starts_in_a_row = 256;

}  // namespace

limited_group::limited_group() noexcept : fill_(delegate<>::to<&limited_group::run_fill>(this)) {}

void limited_group::set_limit(std::size_t n) {
  if (n == 0) throw std::invalid_argument("max_in_flight(0): nothing could ever run");
  assert(open_ == 0);
  limit_ = n;
}

void limited_group::open() noexcept {
  add_pending();
  fill();
}

void limited_group::release_slot() noexcept {
  --open_;
  if (!filling_ && !exhausted_) schedule();
}

void limited_group::abandon() noexcept {
  assert(stop().requested());
  abandoned_ = true;
  if (!filling_ && !exhausted_) schedule();
}

void limited_group::schedule() noexcept {
  if (std::exchange(scheduled_, true)) return;
  affinity().defer(fill_);
}

void limited_group::run_fill() noexcept {
  scheduled_ = false;
  fill();
}

// Only here children are started: never from inside a child that ends.
void limited_group::fill() noexcept {
  if (exhausted_) return;
  filling_ = true;
  exhausted_ = abandoned_;
  for (unsigned started = 0; open_ < limit_ && !exhausted_; ++started) {
    // Without a limit all are begun, as if each had been written out.
    if (limit_ != no_limit && stop().requested()) {
      exhausted_ = true;
      on_truncated();
    } else if (limit_ != no_limit && started == starts_in_a_row) {
      schedule();
      break;
    } else {
      ++open_;
      try {
        if (start_next()) continue;
      } catch (...) {
        on_source_failed(std::current_exception());
      }
      --open_;
      exhausted_ = true;
    }
  }
  filling_ = false;
  // Last: it may resume the parent.
  if (!exhausted_) return;
  on_exhausted();
  release_pending();
}

}  // namespace execo::detail
