// A loop with a thread of its own: all rings of a context but the first.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "loop/loop.hpp"

namespace execo::detail {

class ring_thread {
 public:
  ring_thread() = default;
  ring_thread(const ring_thread&) = delete;
  ring_thread& operator=(const ring_thread&) = delete;
  ~ring_thread() { join(); }

  loop& where() noexcept { return loop_; }
  /// Throws: std::system_error if no thread can be had.
  void start();
  /// Ends what lives on it, and its thread.
  void join();

  /// Shuts down the members of its loop, then posts `drained` to `waiting`.
  /// Thread: any.
  void drain(loop& waiting, queue_node& drained);

 private:
  struct drain_waiter {
    loop* waiting;
    queue_node* drained;
  };
  void work();
  void finish_drain();

  loop loop_;
  std::atomic<bool> stopping_{false};
  std::vector<drain_waiter> drain_waiters_;
  std::thread thread_;
};

/// Turns the loop, on the calling thread that drives it, until nothing lives there. Kill escalation
/// bounds this: what cannot be killed any more is let go by its own deadline.
void join_members(loop& l);

}  // namespace execo::detail
