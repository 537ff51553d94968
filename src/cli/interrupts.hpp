// SIGINT, SIGTERM and SIGHUP. The first asks for an orderly end, a second one ends the tool at
// once.
#pragma once

#include <signal.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <functional>
#include <thread>

namespace execo::cli {

/// Whether an end was asked for, and since when. Readable from any thread.
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
  /// A descriptor that stays readable once it is raised.
  int fd() const noexcept { return fd_; }
  /// Called once.
  void raise() noexcept;

 private:
  std::chrono::steady_clock::time_point since_{};
  std::atomic<bool> raised_{false};
  int fd_;
};

/// Takes the signals over for the life of the process: from here on they are blocked in this thread
/// and those it starts, and read by one thread that does nothing else.
class interrupts {
 public:
  /// `on_first` is called on that thread when the first signal has come.
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
