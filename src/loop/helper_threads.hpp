// Work that blocks, off the loop: a few threads, started on first need, all signals blocked.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
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

class helper_threads {
 public:
  helper_threads(loop& on, std::size_t most) noexcept : loop_(on), most_(most) {}
  helper_threads(const helper_threads&) = delete;
  helper_threads& operator=(const helper_threads&) = delete;
  /// Waits for the work in progress, and discards what was not begun.
  ~helper_threads();

  /// Whether there is a thread, or one can be had. From the loop's thread, as submit.
  bool available() noexcept;

  /// Throws: std::system_error if not even one thread can be had.
  void submit(std::unique_ptr<helper_job> job);

 private:
  void start_thread();
  void work();

  loop& loop_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::deque<std::unique_ptr<helper_job>> queue_;
  std::size_t idle_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace execo::detail
