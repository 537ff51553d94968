// How many connections to one address may be in their handshakes at a time: as many as are wanted,
// until the server turns one away. Then half of them, and one more for each round of logins that
// succeed (AIMD, as TCP does with its packets).
#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

namespace execo::detail {

class admission_window {
 public:
  bool has_room() const noexcept { return in_flight_ + 1 <= limit_; }
  bool is_cut() const noexcept { return std::isfinite(limit_); }
  double limit() const noexcept { return limit_; }
  unsigned in_flight() const noexcept { return in_flight_; }
  /// How often it was cut so far.
  unsigned cuts() const noexcept { return cuts_; }

  void enter() noexcept { ++in_flight_; }
  void leave() noexcept {
    assert(in_flight_ > 0);
    --in_flight_;
  }
  /// One that is in flight was turned away. `cuts`: when it was begun. What was begun before a cut
  /// says nothing of the time after it.
  void turned_away(unsigned cuts) noexcept {
    if (cuts != cuts_) return;
    limit_ = std::max(1.0, std::floor(std::min<double>(limit_, in_flight_) / 2));
    ++cuts_;
  }
  void succeeded() noexcept { limit_ += 1 / limit_; }

 private:
  double limit_ = std::numeric_limits<double>::infinity();
  unsigned in_flight_ = 0;
  unsigned cuts_ = 0;
};

}  // namespace execo::detail
