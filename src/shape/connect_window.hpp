// How many connections a node may have in flight: a few to begin with, one more for each that takes
// about as long as the best ones did, half of them when connecting gets slow or is turned away
// (AIMD, as TCP does with its packets). A host that is slow by itself says nothing, so the times
// are smoothed.
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <cstdint>
#include <limits>

namespace execo::detail {

class connect_window {
 public:
  using duration = std::chrono::microseconds;
  /// When a connection was begun: after how many cuts. It wraps.
  using mark = std::uint16_t;

  static constexpr unsigned first_limit = 8;
  static constexpr unsigned max_limit = 256;

  explicit connect_window(unsigned limit = first_limit) noexcept
      : limit_(std::clamp(limit, 1U, max_limit)) {}

  unsigned limit() const noexcept { return limit_; }
  unsigned in_flight() const noexcept { return in_flight_; }
  unsigned room() const noexcept { return limit_ > in_flight_ ? limit_ - in_flight_ : 0; }
  /// What a connection takes, smoothed; zero before the first one.
  duration typical() const noexcept { return duration(static_cast<std::int64_t>(smoothed_)); }

  mark begin() noexcept {
    ++in_flight_;
    return cuts_;
  }
  /// One ended well. Pre: it was begun.
  void succeeded(mark begun, duration took) noexcept {
    leave();
    if (begun != cuts_) return;  // what was begun before a cut says nothing of the time after it
    take_in(static_cast<float>(std::max<std::int64_t>(took.count(), 1)));
    if (smoothed_ > 2 * lowest_) {
      cut();
      lowest_ *= 1.25F;  // the hosts may be slower for good
    } else if (smoothed_ <= 1.2F * lowest_ && limit_ < max_limit) {
      ++limit_;
    }
  }
  /// One ended, and not for want of anything here: refused, timed out.
  void failed() noexcept { leave(); }
  /// One was turned away: reset before its login, or this node has no descriptors or processes
  /// left.
  void turned_away(mark begun) noexcept {
    leave();
    if (begun == cuts_) cut();
  }
  /// The node has more to do than its processors can.
  void overloaded() noexcept { cut(); }

 private:
  void leave() noexcept {
    assert(in_flight_ > 0);
    --in_flight_;
  }
  void take_in(float took) noexcept {
    smoothed_ = smoothed_ == 0 ? took : smoothed_ + (took - smoothed_) / 8;
    lowest_ = std::min(lowest_, smoothed_);
  }
  void cut() noexcept {
    limit_ = std::max(1U, limit_ / 2);
    if (smoothed_ != 0) smoothed_ = lowest_;
    ++cuts_;
  }

  std::uint32_t limit_;
  std::uint32_t in_flight_ = 0;
  mark cuts_ = 0;
  float smoothed_ = 0;  // microseconds
  float lowest_ = std::numeric_limits<float>::infinity();
};

}  // namespace execo::detail
