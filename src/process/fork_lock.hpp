// Keeps fork() out of the time in which a child is made: a copy of this process would hold the
// child's ends of its pipes, and the output would not end before that copy does.
#pragma once

namespace execo::detail {

/// While it lives, a fork() of another thread waits. Many may at once.
class fork_lock {
 public:
  fork_lock() noexcept;
  fork_lock(const fork_lock&) = delete;
  fork_lock& operator=(const fork_lock&) = delete;
  ~fork_lock();
};

}  // namespace execo::detail
