// In a build with assertions: reports a step on a loop that took so long that everything else on it
// stood still. Nothing at all in a release build.
#pragma once

#include <chrono>

#include "execo/detail/deadline_timer.hpp"

namespace execo::detail {

#ifdef NDEBUG

class hold_watch {
 public:
  hold_watch() noexcept {}
  static void read_limit() noexcept {}
  static void resuming(const char*) noexcept {}
};

#else

class hold_watch {
 public:
  hold_watch() noexcept;
  hold_watch(const hold_watch&) = delete;
  hold_watch& operator=(const hold_watch&) = delete;
  /// Reports on standard error what took longer than EXECO_HOLD_LIMIT milliseconds (50; 0: never).
  ~hold_watch();

  /// Reads EXECO_HOLD_LIMIT. Thread: that of the caller of the public function: while a loop runs,
  /// another thread may call setenv.
  static void read_limit() noexcept;

  /// The step resumes a coroutine whose wait for `what` is over.
  static void resuming(const char* what) noexcept;

 private:
  clock::time_point begun_;
};

#endif

}  // namespace execo::detail
