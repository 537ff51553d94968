// Work that blocks, off the loop: a few threads, started on first need, all signals blocked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "loop/loop.hpp"

namespace execo::detail {

class helper_job : public queue_node {
 public:
  helper_job() noexcept : queue_node(delegate<>::to<&helper_job::arrive>(this)) {}
  virtual ~helper_job() = default;

  /// On a helper thread.
  virtual void work() noexcept = 0;
  /// Then on the loop's thread, after which the job is destroyed.
  virtual void finished() noexcept = 0;

 private:
  void arrive() noexcept {
    std::unique_ptr<helper_job> mine(this);
    finished();
  }
};

/// What the destructor of helper_threads does about jobs in progress.
enum class work_at_end : std::uint8_t {
  awaited,  ///< waits for them
  left,     ///< detaches their threads, which destroy them; work() may use only the job's own data
};

class helper_threads {
 public:
  helper_threads(loop& on, std::size_t most, work_at_end rest = work_at_end::awaited);
  helper_threads(const helper_threads&) = delete;
  helper_threads& operator=(const helper_threads&) = delete;
  /// Discards what was not begun.
  ~helper_threads();

  /// Whether there is a thread, or one can be had. From the loop's thread, as submit.
  bool available() noexcept;

  /// Throws: std::system_error if not even one thread can be had.
  void submit(std::unique_ptr<helper_job> job);

 private:
  class shared_state;
  void start_thread();

  const std::size_t max_;
  const work_at_end rest_;
  const std::shared_ptr<shared_state> shared_;
  std::vector<std::thread> threads_;
};

}  // namespace execo::detail
