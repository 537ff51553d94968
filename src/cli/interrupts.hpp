// SIGINT, SIGTERM and SIGHUP. The first one stops the run in an orderly way, a second one ends the
// tool at once.
#pragma once

#include <signal.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <functional>
#include <thread>

namespace execo::cli {

/// Whether a stop was requested, and when. Thread: any.
class stop_flag {
 public:
  /// Throws: std::system_error.
  stop_flag();
  ~stop_flag();
  stop_flag(const stop_flag&) = delete;
  stop_flag& operator=(const stop_flag&) = delete;

  bool raised() const noexcept { return raised_.load(std::memory_order_acquire); }
  /// Pre: raised().
  std::chrono::steady_clock::time_point since() const noexcept {
    assert(raised());
    return since_;
  }
  /// A descriptor that becomes readable when the flag is raised, and stays so.
  int fd() const noexcept { return fd_; }
  /// Called once. `when`: the moment that since() returns.
  void raise(
      std::chrono::steady_clock::time_point when = std::chrono::steady_clock::now()) noexcept;

 private:
  std::chrono::steady_clock::time_point since_{};
  std::atomic<bool> raised_{false};
  int fd_;
};

/// Takes over the signals for the life of the process: they are blocked in this thread and the
/// threads it starts, and one thread reads them and does nothing else.
class interrupts {
 public:
  /// That thread calls `on_first` at the first signal.
  /// Throws: std::system_error.
  interrupts(stop_flag& flag, std::function<void()> on_first);
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

 private:
  void watch();

  stop_flag& flag_;
  std::function<void()> on_first_;
  int signals_ = -1;
  int finish_ = -1;
  std::thread thread_;
};

}  // namespace execo::cli
