#include "process/fork_lock.hpp"

#include <pthread.h>
#include <time.h>

#include <atomic>

namespace execo::detail {
namespace {

// A fork that waits goes first: children may be made all the time.
pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
constinit thread_local bool is_held = false;
// By the thread that forks.
constinit thread_local bool forks = false;

// A machine may stand still while a child is made. A copy that comes then delays an output: that is
// better than a fork that does not return.
constexpr time_t max_lock_seconds = 1;

void before_fork() {
  // From a handler of a signal that interrupted us: as if there were no lock.
  if (is_held) return;
  timespec limit{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &limit);
  limit.tv_sec += max_lock_seconds;
  forks = ::pthread_rwlock_clockwrlock(&lock, CLOCK_MONOTONIC, &limit) == 0;
}

void in_parent() {
  if (forks) (void)::pthread_rwlock_unlock(&lock);
  forks = false;
}

void in_child() {
  forks = false;
  lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
}

void watch_forks() noexcept {
  static constinit std::atomic<bool> watched{false};
  if (watched.load(std::memory_order_relaxed) || watched.exchange(true)) return;
  (void)::pthread_atfork(&before_fork, &in_parent, &in_child);
}

}  // namespace

fork_lock::fork_lock() noexcept {
  watch_forks();
  (void)::pthread_rwlock_rdlock(&lock);
  is_held = true;
}

fork_lock::~fork_lock() {
  is_held = false;
  (void)::pthread_rwlock_unlock(&lock);
}

}  // namespace execo::detail
