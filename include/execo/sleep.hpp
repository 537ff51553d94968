/// Waiting for a time: sleep and timer.
#pragma once

#include <chrono>
#include <optional>

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/operation.hpp"
#include "execo/time.hpp"

namespace execo {

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
  detail::deadline_timer timer_;
};

/// Suspends for `delay`. A negative delay does not wait, but lets others run first.
///
/// Stop: ends at once.
/// Throws: operation_cancelled if it was stopped.
inline sleep_op sleep(duration delay) { return sleep_op(delay); }

/// Suspends until `when`, as sleep() for the time that is left. The delay is computed now: setting
/// the clock meanwhile does not change it.
sleep_op sleep_until(time_point when);

/// A stopwatch, or with a limit a countdown. It starts when it is made, on the monotonic clock,
/// which setting the time does not change. A value: it holds no resource.
class timer {
 public:
  timer() noexcept;
  explicit timer(duration limit) noexcept;

  /// When it was made.
  time_point started() const noexcept { return started_; }
  duration elapsed() const noexcept;
  /// The rest of the limit, negative when it has passed; nullopt without a limit.
  std::optional<duration> remaining() const noexcept;
  /// The limit has passed; never true without a limit.
  bool expired() const noexcept;

  /// Suspends until `since_start` after the start; does not wait if that has passed, as sleep().
  sleep_op wait_elapsed(duration since_start) const noexcept;
  /// Suspends until the limit has passed. `co_await t` is the same.
  /// Throws: std::logic_error, when called, if there is no limit.
  sleep_op wait_remaining() const;
  sleep_op operator co_await() const { return wait_remaining(); }

 private:
  std::chrono::steady_clock::time_point begun_;
  time_point started_;
  std::optional<duration> limit_;
};

}  // namespace execo
