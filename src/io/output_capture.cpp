#include "io/output_capture.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace execo::detail {
namespace {

// A budget is asked for as much again as there is, so that small outputs take little and long ones
// ask rarely.
constexpr std::size_t first_step = 256;
constexpr std::size_t longest_step = 256 * 1024;

}  // namespace

void output_capture::configure(std::size_t cap) noexcept {
  cap_ = head_.cap = cap;
  beyond_ = beyond::dropped;
}

void output_capture::configure(const sink_spec& spec, std::size_t default_cap, loop& on,
                               output_file_owner& owner) {
  configure(spec.cap.value_or(default_cap));
  switch (spec.beyond) {
    case overflow_kind::kill:
      beyond_ = beyond::ended;
      return;
    case overflow_kind::head_and_tail:
      beyond_ = beyond::tail;
      tail_room_.cap = cap_ / 2;
      head_.cap -= tail_room_.cap;
      return;
    case overflow_kind::spill:
      beyond_ = beyond::file;
      spill_ = std::make_unique<output_file>(on, owner);
      spill_->use(spec.path, file_target::mode::replace);
      return;
    case overflow_kind::head:
    case overflow_kind::block:
      return;
  }
}

bool output_capture::take_beyond(std::span<const char> bytes) {
  assert(text_.size() == head_.cap);
  reached_ = reach::beyond;
  switch (beyond_) {
    case beyond::ignored:
      return true;
    case beyond::tail:
      keep_tail(bytes);
      return true;
    case beyond::file:
      return spill_->take(bytes);
    case beyond::dropped:
    case beyond::ended:
      dropped_ += bytes.size();
      return true;
  }
  return true;
}

// Pre: `of` is charged for less than `wanted` and than its cap.
void output_capture::extend(part& of, std::size_t wanted) noexcept {
  wanted = std::min(wanted, of.cap);
  std::size_t step = std::clamp(of.charged, first_step, longest_step);
  std::size_t next = std::max(wanted, std::min(of.cap, of.charged + step));
  std::size_t least = std::min(next, always_kept);
  of.charged += charge_.take(least - std::min(least, of.charged), next - of.charged);
  if (of.charged >= wanted) return;
  refused_ = true;
  of.cap = of.charged;
}

void output_capture::keep_tail(std::span<const char> bytes) {
  std::size_t wanted = tail_.size() + bytes.size();
  if (wanted > tail_room_.charged && tail_room_.charged < tail_room_.cap)
    extend(tail_room_, wanted);
  const std::size_t cap = tail_room_.cap;
  if (bytes.size() >= cap) {
    dropped_ += tail_.size() + bytes.size() - cap;
    bytes = bytes.last(cap);
    tail_.assign(bytes.data(), bytes.size());
    tail_at_ = 0;
    return;
  }
  std::size_t first = std::min(cap - tail_.size(), bytes.size());
  tail_.append(bytes.data(), first);
  bytes = bytes.subspan(first);
  dropped_ += bytes.size();
  while (!bytes.empty()) {
    std::size_t piece = std::min(cap - tail_at_, bytes.size());
    std::copy_n(bytes.data(), piece, tail_.data() + tail_at_);
    tail_at_ = (tail_at_ + piece) % cap;
    bytes = bytes.subspan(piece);
  }
}

void output_capture::complete() {
  std::string tail = std::exchange(tail_, std::string());
  if (tail.empty()) return;
  dropped_ += tail.size();
  text_.reserve(text_.size() + tail.size());
  text_.append(tail, tail_at_);
  text_.append(tail, 0, tail_at_);
  dropped_ -= tail.size();
}

// What a reader left may be more than was charged: it is there, so nothing is refused.
void output_capture::charge_exactly() noexcept {
  std::size_t charged = head_.charged + tail_room_.charged;
  std::size_t kept = text_.size();
  if (kept > charged) {
    (void)charge_.take(kept - charged, kept - charged);
  } else {
    charge_.give_back(charged - kept);
  }
  head_.charged = kept;
  tail_room_.charged = 0;
}

}  // namespace execo::detail
