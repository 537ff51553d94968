/// context: the executor. One event loop, driven by a thread of the caller's or by its own.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace execo {

class context;

namespace detail {
class loop;
loop& loop_of(context& c) noexcept;
}  // namespace detail

/// An event loop on which processes, sessions and coroutines run.
///
/// Driven in one of three ways, always by the same thread: run(), sync_wait on it, or poll() from
/// another loop that waits for native_handle(). Nothing it does needs signal handlers, SIGCHLD or
/// another thread, except that names are resolved and keys derived on helper threads of its own.
class context {
 public:
  /// Throws: std::system_error if the machine has no descriptor or memory left for it.
  context();
  context(const context&) = delete;
  context& operator=(const context&) = delete;
  /// Stops and joins what still runs on it: processes get TERM, then KILL.
  /// Thread: the one that drives it, or any if none ever did.
  ~context();

  /// Drives the loop until stop().
  /// Throws: std::logic_error from inside a context.
  void run();

  /// Makes run() return after its present turn. A stop before run() counts.
  /// Thread: any.
  void stop() noexcept;

  /// Runs `work` on the loop's thread.
  /// Thread: any.
  void post(std::function<void()> work);

  /// Hosted mode: does what is due now, without waiting.
  /// Throws: std::logic_error from inside this context.
  void poll();

  /// Hosted mode: a descriptor that is readable when poll() has something to do.
  int native_handle();

  /// Hosted mode: how long the host may sleep before the next poll(), in milliseconds; -1: until
  /// native_handle() is readable.
  int poll_timeout() const;

  /// The backend in use and why: "uring (SINGLE_ISSUER, DEFER_TASKRUN)", "epoll (reason)".
  std::string backend() const;

  /// The context for work that names none, made on first need with one thread of its own.
  static context& default_instance();

 private:
  friend detail::loop& detail::loop_of(context& c) noexcept;
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace execo
