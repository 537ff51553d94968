// Where a child is started: at once on the loop's thread, or on a helper thread. The calling thread
// stands still until the child has executed: 40 us on an idle machine, a millisecond when many
// children compete for the processors. One is started at once, a burst is not.
#pragma once

#include <atomic>

#include "loop/helper_threads.hpp"
#include "process/start_child.hpp"

namespace execo::detail {

/// A child that a helper thread starts.
class spawn_job final : public helper_job {
 public:
  spawn_job(spawn_plan p, delegate<spawn_job&> on_done) noexcept
      : plan(std::move(p)), done_(on_done) {}

  spawn_plan plan;
  started_child child;
  clock::duration taken{0};

  /// Not to be started any more, if it is not yet; `done` comes all the same.
  void abandon() noexcept { abandoned_.store(true, std::memory_order_relaxed); }

 private:
  friend class spawner;
  void work() noexcept override;
  void finished() noexcept override;

  delegate<spawn_job&> done_;
  class spawner* owner_ = nullptr;
  std::atomic<bool> abandoned_{false};
};

class spawner final : public loop_service {
 public:
  explicit spawner(loop& on) : loop_(on), helpers_(on, on.spawn_threads()) {}

  /// Whether a spawn belongs on a helper thread now.
  bool is_busy() noexcept;
  /// Starts a child on this thread.
  started_child spawn_here(spawn_plan& plan);
  /// `done` comes from the loop. Returns the job, which lives until then.
  /// Pre: is_busy().
  spawn_job& spawn_elsewhere(std::unique_ptr<spawn_job> job);

 private:
  friend class spawn_job;
  void learn(clock::duration taken) noexcept;

  loop& loop_;
  helper_threads helpers_;
  std::size_t in_flight_ = 0;
  std::uint64_t last_turn_ = 0;  // in which one was started here
  clock::duration typical_{0};
};

}  // namespace execo::detail
