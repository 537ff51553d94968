// Children that KILL did not end in time, or whose end a tracer keeps from us: the runs are given
// up, the processes still have to be reaped when they end.
#pragma once

#include <memory>
#include <vector>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "process/monitor.hpp"

namespace execo::detail {

/// Between two looks at what was ready and brought nothing: readiness that stays must not spin.
inline constexpr auto fruitless_pause = std::chrono::milliseconds(20);

/// A child, or the monitor of one, that is not reaped yet.
class unreaped_child {
 public:
  unreaped_child(unique_fd pidfd, std::unique_ptr<command_monitor> monitor) noexcept
      : pidfd_(std::move(pidfd)), monitor_(std::move(monitor)) {}

  int readiness() const noexcept { return monitor_ ? monitor_->pidfd() : pidfd_.get(); }
  /// False: it has not ended, or is not ours to reap yet.
  bool reap() noexcept;

 private:
  unique_fd pidfd_;
  std::unique_ptr<command_monitor> monitor_;
};

/// Reaps them on its loop. Those that outlive the loop are taken over by the next one that starts a
/// child; until then they stay zombies when they end.
class late_reaper final : public loop_service {
 public:
  explicit late_reaper(loop& on) noexcept;
  ~late_reaper() override;

  void take(unreaped_child child) noexcept;
  /// Takes over what loops that are gone left, if there is something.
  static void take_over(loop& on);

 private:
  struct entry;

  void drop(entry& one) noexcept;

  loop& loop_;
  std::vector<std::unique_ptr<entry>> entries_;
};

}  // namespace execo::detail
