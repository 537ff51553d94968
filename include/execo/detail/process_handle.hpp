// What a handle of one command does, wherever the command runs.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <optional>
#include <utility>

#include "execo/command.hpp"
#include "execo/context.hpp"
#include "execo/detail/process_ops.hpp"
#include "execo/status.hpp"
#include "execo/stream.hpp"

namespace execo::detail {

class process_handle {
 public:
  using run_op = detail::run_op;
  using owned_run_op = detail::owned_run_op;
  using wait_op = detail::wait_op;

  /// Starts it if needed, and waits for its end. `co_await p` is the same.
  /// Stop: ends it (by its stop policy) and joins it; the result says `cancelled`.
  /// Resumes: on the awaiting coroutine's loop, else on the command's.
  /// Throws: never for the way the command ended; as start().
  run_op run() &;
  owned_run_op run() &&;
  run_op operator co_await() & { return run(); }
  owned_run_op operator co_await() && { return std::move(*this).run(); }

  /// Waits for the end of a command that was started, and the end of its output. Several may wait.
  /// Pre: started; throws std::logic_error otherwise.
  /// Stop: leaves the command running; throws operation_cancelled.
  wait_op wait() &;

  /// Ends it by its stop policy: by default TERM, then KILL after kill_timeout.
  /// Does nothing before the start and after the end.
  /// Thread: any.
  void kill() noexcept;
  /// Sends a signal to its kill scope, by default its process group. A signal of its stop policy is
  /// followed by the later steps; other TERM and INT by KILL after kill_timeout.
  /// Thread: any.
  void kill(int signal) noexcept;

  /// Lets the command outlive the handle. Its context still waits for its end.
  void detach() && noexcept;

  /// 0 before it runs, and for a command on another host.
  pid_t pid() const noexcept;
  bool running() const noexcept;
  /// The result, once it has ended.
  std::optional<result> try_result() const;

  /// Handles to its standard streams; see reader and writer. A reader made before the start gets
  /// every byte, even if a capture is full.
  reader out();
  reader err();
  writer in();

 protected:
  explicit process_handle(process_ref state) noexcept : state_(std::move(state)) {}
  process_handle(process_handle&&) noexcept = default;
  process_handle& operator=(process_handle&&) noexcept = default;
  ~process_handle() = default;

  /// Throws: std::logic_error after the start.
  command& configurable();
  void set_place(executor where);
  void read_from(const reader& other);
  void start_now();
  /// Throws: std::logic_error if it was moved from.
  process_state& shared_state() const;

 private:
  process_ref state_;
};

}  // namespace execo::detail
