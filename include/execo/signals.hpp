/// signals: SIGINT, SIGTERM and others as something to await. run_main(): the main() of a program
/// that shuts down cleanly on a signal.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <memory>

#include "execo/context.hpp"
#include "execo/detail/signal_op.hpp"
#include "execo/task.hpp"

namespace execo {

/// Receives signals of this process instead of their default action or handler, as long as it
/// exists.
/// It blocks them in the thread that makes it, and so in the threads that this thread starts later:
/// make it in main(), before other threads. If another thread does not block a signal, that thread
/// may get it, with its default action. Ignored signals are received as well. A child starts with
/// no signal blocked, as always. Each signal goes to one awaiter, of all objects and contexts that
/// wait for it.
class signals {
 public:
  using next_op = detail::signal_op;

  /// Throws: std::invalid_argument for none, or for one that cannot be taken (KILL, STOP, and
  /// those of a fault); std::system_error without a descriptor left.
  template <class... Number>
  explicit signals(int first, Number... more) : signals({first, static_cast<int>(more)...}) {}
  signals(const signals&) = delete;
  signals& operator=(const signals&) = delete;
  /// Restores the signal mask; a pending signal then has its usual effect.
  /// Pre: nothing awaits it. Thread: the one that made it.
  ~signals();

  /// The number of the next signal. Earlier signals are not lost; several pending signals of the
  /// same number are one, as always.
  /// Stop: no signal is lost; throws operation_cancelled.
  next_op next() { return next_op(descriptor_); }

 private:
  explicit signals(std::initializer_list<int> numbers);

  int descriptor_ = -1;
  sigset_t added_;
};

/// Runs `work` on a new context and returns its value, for main() to return. SIGINT, SIGTERM and
/// SIGHUP request a stop, as a stop token does: its commands are ended, and pending results say
/// `cancelled`. The value is then 128 plus the number of the signal. A second signal, 200 ms or
/// more after the first, ends the program at once. If SIGHUP is ignored, as under `nohup`, it stays
/// ignored.
/// Throws: what `work` throws, except operation_cancelled after a signal. Thread: the first one,
/// before others; see signals.
int run_main(task<int> work);

}  // namespace execo
