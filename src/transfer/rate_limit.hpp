// Bytes per second, as times to wait.
#pragma once

#include <algorithm>
#include <cstdint>

#include "execo/detail/deadline_timer.hpp"

namespace execo::detail {

class rate_limit {
 public:
  /// 0: no limit.
  explicit rate_limit(std::uint64_t bytes_a_second) noexcept : rate_(bytes_a_second) {}

  bool is_set() const noexcept { return rate_ > 0; }
  /// How long to wait before these are sent. They count as sent from now on.
  clock::duration take(std::size_t bytes, clock::time_point now) noexcept {
    if (rate_ == 0) return clock::duration(0);
    clock::time_point from = std::max(free_at_, now);
    constexpr double second = std::chrono::nanoseconds(std::chrono::seconds(1)).count();
    double needs = static_cast<double>(bytes) / static_cast<double>(rate_) * second;
    free_at_ = from + clock::duration(static_cast<std::int64_t>(needs));
    return from - now;
  }

 private:
  std::uint64_t rate_;
  clock::time_point free_at_{};
};

}  // namespace execo::detail
