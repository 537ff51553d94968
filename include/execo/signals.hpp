/// signals: SIGINT, SIGTERM and others as something to await. run_main(): the main() of a program
/// that stops in order when it is asked to.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <memory>

#include "execo/context.hpp"
#include "execo/detail/signal_op.hpp"
#include "execo/task.hpp"

namespace execo {

/// Takes signals of this process instead of their default action or handler, as long as it lives.
///
/// They are blocked in the thread that makes this object, and in threads that it starts from then
/// on: make it in main(), before other threads. Where another thread does not block a signal, that
/// thread gets it, with its default action. One that was ignored comes as well. A child starts with
/// no signal blocked, as always. Each signal is given to one awaiter, of all objects and contexts
/// that take it.
class signals {
 public:
  using next_op = detail::signal_op;

  /// Throws: std::invalid_argument for none, or for one that cannot be taken (KILL, STOP, and
  /// those of a fault); std::system_error without a descriptor left.
  template <class... Number>
  explicit signals(int first, Number... more) : signals({first, static_cast<int>(more)...}) {}
  signals(const signals&) = delete;
  signals& operator=(const signals&) = delete;
  /// Those that were not blocked before are no more; one that waits then acts as usual.
  /// Pre: nothing awaits it. Thread: the one that made it.
  ~signals();

  /// The number of the next signal. One that came before is not lost; several of the same number
  /// that came meanwhile are one, as always.
  /// Stop: no signal is lost; throws operation_cancelled.
  next_op next() { return next_op(descriptor_); }

 private:
  explicit signals(std::initializer_list<int> numbers);

  int descriptor_ = -1;
  sigset_t added_;
};

/// Runs `work` on a context of its own and gives its value, for main() to return. SIGINT, SIGTERM
/// and SIGHUP ask it to stop, as a stop token does: its commands are ended and its results come, as
/// `cancelled` where they were not there yet. Then the value is 128 and the number of the signal.
/// A second signal, 200 ms or more after the first, ends the program at once. SIGHUP is left alone
/// where it is ignored, as under `nohup`.
/// Throws: what `work` let out, but for operation_cancelled after a signal. Thread: the first one,
/// before others; see signals.
int run_main(task<int> work);

}  // namespace execo
