/// Durations and points in time: reading them, showing them, waiting for them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "execo/detail/operation.hpp"
#include "execo/detail/timer.hpp"

namespace execo {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::system_clock::time_point;

/// Reads a duration: bare seconds (`90`, `.5`), units (`4s`, `500ms`, `1.5h`, `1h30m`, `2d4h`), or
/// a clock (`1:30:00`, hours first, as many as wanted; its minutes and seconds may go beyond 59).
///
/// Units are w, d, h, m, s, ms, us and ns, the larger before the smaller, each once; only the last
/// number may have a fraction. Exact to the nanosecond, rounded beyond it.
/// Throws: std::invalid_argument naming the text when it is not a duration, is negative or is
/// longer than 36,500 days.
duration parse_duration(std::string_view text);

/// "250 ms", "1.2 s", "3 m 20 s": three significant figures, for people.
std::string format_duration(duration d);

/// "1d2h3m4.5s", "0s": all of it; parse_duration() reads it back as it was. Seconds are always
/// there, and a negative one begins with '-'.
std::string format_duration_exact(duration d);

/// Reads a point in time: seconds since 1970 (`1795344531.5`, `@1795344531`), or
/// `[[YYYY-]MM-]DD[T| ]HH:MM[:SS[.fraction]][Z|+HH:MM|+HHMM]`, or `YYYY-MM-DD` alone for its first
/// moment. Blanks around it do no harm.
///
/// Without a zone it is local time. A year of two digits is of 1969 to 2068. What is left out of
/// the date (or all of it: `HH:MM`) is as in `now`, local too. A local time that the change to
/// summer time leaves out is moved as mktime() does.
/// Throws: std::invalid_argument naming the text when it is no such time, or is not of the years
/// 1678 to 2261.
time_point parse_time(std::string_view text, time_point now = std::chrono::system_clock::now());

/// 2026-11-22T10:48:51.123Z (RFC 3339, milliseconds).
std::string format_time(time_point t);

/// 2026-11-22T10:48:51.123456789Z, with as many decimals as it takes; parse_time() reads it back as
/// it was.
std::string format_time_exact(time_point t);

/// 2026-11-22 11:48:51+01:00, in local time; with `milliseconds` those too.
std::string format_local_time(time_point t, bool milliseconds = false);

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
  bool cancelled() const noexcept override { return stopped_; }
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

/// Suspends until `when`, as sleep() does for what is left until then. The delay is taken now: a
/// clock that is set meanwhile does not change it.
sleep_op sleep_until(time_point when);

/// Measures from when it was made, on a clock that nobody sets, and waits: a stopwatch, or with a
/// limit a countdown. A value; it holds nothing and runs nowhere.
class timer {
 public:
  timer() noexcept;
  explicit timer(duration limit) noexcept;

  /// When it was made.
  time_point started() const noexcept { return started_; }
  duration elapsed() const noexcept;
  /// What is left of the limit, negative when it is over; nothing without a limit.
  std::optional<duration> remaining() const noexcept;
  /// The limit is over; never without one.
  bool expired() const noexcept;

  /// Suspends until `since_start` after the start; not at all when that is past, as sleep().
  sleep_op wait_elapsed(duration since_start) const noexcept;
  /// Suspends until the limit is over. `co_await t` is the same.
  /// Throws: std::logic_error, when called, if there is no limit.
  sleep_op wait_remaining() const;
  sleep_op operator co_await() const { return wait_remaining(); }

 private:
  std::chrono::steady_clock::time_point begun_;
  time_point started_;
  std::optional<duration> limit_;
};

}  // namespace execo
