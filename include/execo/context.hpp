/// context: the executor. One or several event loops, driven by the caller's or its own threads.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "execo/detail/compiler.hpp"

namespace execo {

class context;

namespace detail {
class loop;
class sync_waiter;
loop& loop_of(context& c) noexcept;
}  // namespace detail

/// How many event loops ("rings") a context has: `context c{rings(4)}`.
class rings {
 public:
  /// Throws: std::invalid_argument for 0, and beyond 1024.
  explicit rings(unsigned count);
  unsigned count() const noexcept { return count_; }

 private:
  unsigned count_;
};

/// How many helper threads for starting children each ring may have: `context c{spawners(4)}`. The
/// thread that starts a child is suspended until the child's exec, 40 us on an idle machine and a
/// millisecond on a busy one, so the helper threads start bursts. Default 2; 0: the ring's own
/// thread starts all children.
class spawners {
 public:
  /// Throws: std::invalid_argument beyond 64.
  explicit spawners(unsigned count);
  unsigned count() const noexcept { return count_; }

 private:
  unsigned count_;
};

/// How many bytes of output the commands of a context and their results keep in all:
/// `context c{output_budget(std::size_t{4} << 30)}`. Default 1 GiB. Once it is used up, what comes
/// is dropped and counted, as beyond max_output(); result::dropped_by() says so. Of each stream the
/// first 4 KiB are kept all the same, and the last 4 KiB by overflow::head_and_tail().
///
/// A result is charged until it is destroyed or assigned to, also after its context, and also if
/// its text was moved out of it. Moving a result moves the charge; a copy is not charged.
class output_budget {
 public:
  output_budget() noexcept = default;
  explicit output_budget(std::size_t bytes) noexcept : bytes_(bytes) {}
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::size_t bytes_ = std::size_t{1} << 30;
};

/// A place to run: one ring of a context. Copyable; valid while the context lives.
class executor {
 public:
  /// The first ring, which the context's driver drives.
  executor(context& c) noexcept : loop_(&detail::loop_of(c)) {}

  /// Runs `work` on that ring's thread.
  /// Pre: `work` does not throw. An exception is written to standard error, and the program is
  /// terminated.
  /// Thread: any.
  void post(std::function<void()> work) const;

  friend bool operator==(const executor& a, const executor& b) noexcept = default;

 private:
  friend class context;
  friend detail::loop& loop_of(executor e) noexcept { return *e.loop_; }
  explicit executor(detail::loop& l) noexcept : loop_(&l) {}
  detail::loop* loop_;
};

/// One event loop or several, on which processes, sessions and coroutines run.
///
/// The first ring is driven in one of three ways, by one thread at a time: run(), sync_wait on it,
/// or poll() from another loop that waits for native_handle(). Other rings have their own threads;
/// an action spreads its hosts over all rings. A context needs neither signal handlers nor SIGCHLD.
/// Helper threads resolve names, derive keys and start bursts of children; they are started when
/// needed and end with the context.
class context {
 public:
  /// One ring.
  /// Throws: std::system_error if the machine has no descriptor, thread or memory left for it.
  context();
  explicit context(rings count, spawners per_ring = spawners(2),
                   output_budget kept = output_budget());
  context(rings count, output_budget kept);
  explicit context(spawners per_ring, output_budget kept = output_budget());
  explicit context(output_budget kept);
  context(const context&) = delete;
  context& operator=(const context&) = delete;
  /// Stops and joins what still runs on it: processes get TERM, then KILL.
  /// In a fork of the process that made it nothing is ended: what lives here is the original's.
  /// Pre: no thread drives it. Otherwise it says so on standard error, stops run() in the other
  /// thread and waits for it.
  ~context();

  /// Drives the first ring until stop(). If another thread has driven it before, io_uring is
  /// replaced by epoll: the kernel lets only one thread use a ring.
  /// Throws: std::logic_error from inside a context, and while another thread drives this one.
  void run();

  /// Makes run() return after its present turn, also if called before run(). Processes and
  /// operations stay alive and continue with the next run().
  /// Thread: any.
  void stop() noexcept;

  /// Runs `work` on the first ring's thread.
  /// Pre: `work` does not throw. An exception is written to standard error, and the program is
  /// terminated.
  /// Thread: any.
  void post(std::function<void()> work);

  std::size_t ring_count() const noexcept;
  /// Throws: std::out_of_range.
  executor ring(std::size_t index);

  /// Hosted mode: handles what is due now, without waiting.
  /// Throws: std::logic_error from inside this context, and while another thread drives it.
  void poll();

  /// Hosted mode: a descriptor that is readable when poll() has something to do; the same for the
  /// context's life.
  /// Throws: std::system_error if the machine has no descriptor left for it.
  int native_handle();

  /// Hosted mode: how long the host may sleep before the next poll(), in milliseconds; -1: until
  /// native_handle() is readable.
  int poll_timeout() const;

  /// The backend in use and why: "uring (SINGLE_ISSUER, DEFER_TASKRUN, buffer ring)",
  /// "epoll (reason)".
  std::string backend() const;

  /// Bytes of output that its commands and their results keep now; see output_budget. A command
  /// that runs takes them in steps, up to 256 KiB ahead.
  /// Thread: any.
  std::size_t kept_output() const noexcept;

  /// Lists what lives on each ring, for people: operations, processes, sessions, actions and
  /// timers, each with its name and age. If a ring does not answer within a second, the list says
  /// so: its thread is blocked.
  /// Thread: any. Pre: if no thread drives the first ring, none starts to do so meanwhile.
  std::string dump() const;

  /// The context for work that names none, made when first needed, with its own thread. A fork of
  /// this process gets another one.
  static context& default_instance();

 private:
  friend detail::loop& detail::loop_of(context& c) noexcept;
  friend class detail::sync_waiter;
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace execo
