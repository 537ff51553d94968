// SIGINT, SIGTERM and SIGHUP: the first one stops the run in an orderly way, a second one ends the
// tool at once. SIGUSR1 and SIGUSR2 steer a run.
#pragma once

#include <signal.h>
#include <sys/signalfd.h>

#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
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

/// What a signal asks of a run that goes on.
class steering {
 public:
  /// No further host is to begin, or hosts are to begin again.
  static steering toggle() noexcept { return steering(0); }
  /// Pre: > 0.
  static steering fanout(std::size_t at_a_time) noexcept { return steering(at_a_time); }

  bool toggles() const noexcept { return fanout_ == 0; }
  /// Pre: !toggles().
  std::size_t fanout() const noexcept { return fanout_; }

 private:
  explicit steering(std::size_t fanout) noexcept : fanout_(fanout) {}
  std::size_t fanout_;
};

/// Takes over the signals for the life of the process: they are blocked in this thread and the
/// threads it starts, and one thread reads them and does nothing else.
class interrupts {
 public:
  /// That thread calls `on_first` at the first signal that stops, and `on_steering` for SIGUSR1 and
  /// for SIGUSR2 with a value, `kill -q 16 -USR2 PID`. Without that these two stay as they are.
  /// Throws: std::system_error.
  interrupts(stop_flag& flag, std::function<void()> on_first,
             std::function<void(steering)> on_steering = {});
  ~interrupts();
  interrupts(const interrupts&) = delete;
  interrupts& operator=(const interrupts&) = delete;

 private:
  void watch();
  void take(const signalfd_siginfo& signal);

  stop_flag& flag_;
  std::function<void()> on_first_;
  std::function<void(steering)> on_steering_;
  int signals_ = -1;
  int finish_ = -1;
  std::thread thread_;
};

}  // namespace execo::cli
