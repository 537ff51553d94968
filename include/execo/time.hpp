/// Durations, and waiting for them.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "execo/detail/operation.hpp"
#include "execo/detail/timer.hpp"

namespace execo {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::system_clock::time_point;

/// Reads `4s`, `500ms`, `2m`, `1h`, `1.5s`, or bare seconds.
/// Throws: std::invalid_argument naming the text when it is not a duration, or is negative.
duration parse_duration(std::string_view text);

/// "250 ms", "1.2 s", "3 m 20 s": three significant figures, for people.
std::string format_duration(duration d);

/// 2026-11-22T10:48:51.123Z (RFC 3339, milliseconds).
std::string format_time(time_point t);

/// Ends after a delay. Made by sleep.
class [[nodiscard]] sleep_op final : public detail::operation {
 public:
  explicit sleep_op(duration delay) noexcept;
  /// Pre: not awaited yet.
  sleep_op(sleep_op&& other) noexcept;
  void await_resume() const {
    if (stopped_) throw operation_cancelled();
  }

 private:
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  const char* what() const noexcept override { return "sleep"; }
  void expire();

  duration delay_;
  bool stopped_ = false;
  detail::timer timer_;
};

/// Suspends for `delay`; not at all if that is negative, though others run first.
///
/// Stop: ends at once.
/// Throws: operation_cancelled if it was stopped.
inline sleep_op sleep(duration delay) { return sleep_op(delay); }

}  // namespace execo
