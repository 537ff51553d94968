/// ticker: a time that comes again and again.
#pragma once

#include <cstdint>

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/operation.hpp"
#include "execo/time.hpp"

namespace execo {

class ticker;

/// Ends at the next tick. Made by ticker::next.
class [[nodiscard]] tick_op final : public detail::operation {
 public:
  explicit tick_op(ticker& of) noexcept;
  /// Pre: not awaited yet.
  tick_op(tick_op&& other) noexcept;
  std::uint64_t await_resume() const {
    if (stopped_) throw operation_cancelled();
    return ticks_;
  }

 private:
  friend class ticker;
  detail::loop& bind(detail::loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return stopped_; }
  const char* what() const noexcept override { return "the next tick of a ticker"; }
  void wait_or_end() noexcept;
  void expire();

  ticker& of_;
  std::uint64_t ticks_ = 0;
  bool stopped_ = false;
  detail::deadline_timer timer_;
};

/// Ticks at a fixed interval, on the monotonic clock:
///
///     ticker every(10s);
///     while (co_await every.next()) ...
///
/// The times of the ticks are fixed when it is made, so that what is done between them delays none.
/// Missed ticks are counted, not queued. No tick allocates.
///
/// Everything but the constructors belongs to one context: that of the coroutine that waits for it.
/// Its handlers, and what is posted to it, may call cancel() and reset().
/// Pre: no next() is pending when it is destroyed.
class ticker {
 public:
  /// The first tick comes after one interval.
  /// Throws: std::invalid_argument for an interval that is not positive.
  explicit ticker(duration interval);
  /// The first tick comes after `first`; if `interval` is 0, it is the only one.
  /// Throws: std::invalid_argument for negative times.
  ticker(duration first, duration interval);
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;
  ~ticker();

  /// Waits for the next tick. Gives how many have come since the last next(): 1, or more if some
  /// were missed. It gives 0 after cancel() and after the only tick: then no tick comes any more.
  ///
  /// Pre: no other next() is pending; throws std::logic_error when awaited otherwise.
  /// Stop: leaves; no tick is lost.
  /// Throws: operation_cancelled after a stop.
  tick_op next() noexcept { return tick_op(*this); }

  /// No tick comes any more, until reset(). Who waits gets 0.
  void cancel() noexcept;

  /// Begins anew, as a ticker that is made now. Who waits goes on to wait, for the new times.
  /// Throws: as the constructors.
  void reset(duration interval);
  void reset(duration first, duration interval);

 private:
  friend class tick_op;
  /// ticking -> over: cancel(), the only tick; over -> ticking: reset().
  enum class state : std::uint8_t { ticking, over };

  std::uint64_t take(detail::clock::time_point now) noexcept;

  detail::clock::time_point next_{};  // tick
  duration interval_{0};
  tick_op* waiting_ = nullptr;
  state state_ = state::over;
};

}  // namespace execo
