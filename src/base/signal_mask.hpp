// Signals are the application's: threads and children of ours never run its handlers.
#pragma once

#include <signal.h>

#include <thread>
#include <utility>

namespace execo::detail {

/// Blocks every signal for this thread while it lives. A thread or child that this thread makes
/// meanwhile starts with all signals blocked.
class signals_blocked {
 public:
  signals_blocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    blocked_ = ::pthread_sigmask(SIG_SETMASK, &all, &before_) == 0;
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() {
    if (blocked_) (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_;
  bool blocked_;
};

/// A thread that receives no signal, not even before it runs.
/// Throws: std::system_error.
template <class Work>
std::thread masked_thread(Work&& work) {
  signals_blocked during_its_birth;
  return std::thread(std::forward<Work>(work));
}

}  // namespace execo::detail
