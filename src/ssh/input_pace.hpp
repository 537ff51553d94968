// How far what is written to a channel may run ahead of what the server has passed on.
//
// A window says how much a server is willing to keep, 2 MiB for OpenSSH's. But what a command or a
// socket over there does not take at once costs that server more than all the rest of the transfer:
// its buffer is copied, and what it was is cleared, with every packet that makes it grow
// (sshbuf_allocate in OpenSSH 9.2, which rounds up by 256 bytes). So no more is in flight than
// twice what fills the way there and back, measured as BBR does
// (draft-cardwell-iccrg-bbr-congestion-control): the rate of what was passed on, times the shortest
// time that took. It is for OpenSSH's server, which opens its window again for each 96 KiB that it
// has passed on (channel_check_window in OpenSSH 9.2). Others wait until half of their window is
// used: who gets no credit at the limit goes beyond it, by widen().
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "execo/detail/deadline_timer.hpp"

namespace execo::detail {

class input_pace {
 public:
  static constexpr std::size_t least = 256 * 1024;

  /// How many bytes may be written now, of a window that is open for `window` more.
  std::size_t room(std::size_t window, clock::time_point now) noexcept {
    widest_ = std::max(widest_, window);
    std::size_t in_flight = widest_ - window;
    passed_on_ = sent_ - std::min<std::uint64_t>(sent_, in_flight);
    if (measure_ != measure::none && passed_on_ >= mark_) end_measure(now);
    if (in_flight < limit_) return std::min(window, limit_ - in_flight);
    if (measure_ == measure::idle_at_times) measure_ = measure::filled;
    return 0;
  }

  /// How long at the limit is waited for credit before widen() is called.
  clock::duration patience() const noexcept {
    constexpr clock::duration usual = std::chrono::milliseconds(500);
    clock::duration known = std::min(shortest_[0], shortest_[1]);
    return known == clock::duration::max() ? usual : std::max(usual, 4 * known);
  }
  /// The limit is no more than this server needs.
  void widen() noexcept {
    least_ = 2 * limit_;
    limit_ = least_;
  }

  /// Pre: no more than room() said.
  void wrote(std::size_t count, clock::time_point now) noexcept {
    sent_ += count;
    if (measure_ != measure::none) return;
    measure_ = measure::idle_at_times;
    mark_ = sent_;
    passed_on_at_begin_ = passed_on_;
    begun_ = now;
  }

 private:
  // none -> idle_at_times, by a write -> filled, when the limit is reached; to none from both when
  // what was written first was passed on.
  enum class measure : std::uint8_t { none, idle_at_times, filled };

  // A way that has become longer is believed after this time, or twice of it.
  static constexpr clock::duration shortest_holds = std::chrono::seconds(10);

  void end_measure(clock::time_point now) noexcept {
    clock::duration took = std::max<clock::duration>(now - begun_, std::chrono::microseconds(1));
    note_shortest(took, now);
    // Less was written than the limit allows: that says nothing of what it should be.
    if (std::exchange(measure_, measure::none) != measure::filled) return;
    auto bytes = static_cast<double>(passed_on_ - passed_on_at_begin_);
    double shortest = std::chrono::duration<double>(std::min(shortest_[0], shortest_[1])).count();
    double wanted = 2 * bytes * shortest / std::chrono::duration<double>(took).count();
    limit_ = std::max(least_, static_cast<std::size_t>(wanted));
  }

  void note_shortest(clock::duration took, clock::time_point now) noexcept {
    if (now - shortest_since_ > shortest_holds) {
      shortest_since_ = now;
      shortest_[1] = std::exchange(shortest_[0], clock::duration::max());
    }
    shortest_[0] = std::min(shortest_[0], took);
  }

  std::uint64_t sent_ = 0;
  std::uint64_t passed_on_ = 0;
  std::uint64_t passed_on_at_begin_ = 0;  // of the measurement
  std::uint64_t mark_ = 0;                // passed on: it is over
  clock::time_point begun_{};
  clock::time_point shortest_since_{};
  std::array<clock::duration, 2> shortest_{clock::duration::max(), clock::duration::max()};
  std::size_t widest_ = 0;
  std::size_t least_ = least;
  std::size_t limit_ = least;  // of what is in flight
  measure measure_ = measure::none;
};

}  // namespace execo::detail
