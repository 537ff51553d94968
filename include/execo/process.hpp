/// process: one local command, awaitable, with a handle to observe and end it.
#pragma once

#include <sys/types.h>

#include <concepts>
#include <csignal>
#include <optional>
#include <utility>

#include "execo/command.hpp"
#include "execo/context.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/process_ops.hpp"
#include "execo/status.hpp"
#include "execo/stream.hpp"

namespace execo {

/// A local command. Lazy: it starts when awaited, or with start().
///
/// The handle owns the run: when the last handle is destroyed, the process is ended (TERM, then
/// KILL after kill_timeout, or by its stop policy) and reaped by its context, unless detached.
/// Standard input is /dev/null unless input() was given. The child gets its own process group, an
/// empty signal mask, default dispositions, and only the descriptors 0, 1 and 2; attributes change
/// that.
class [[nodiscard]] process : public command_options<process> {
 public:
  using run_op = detail::run_op;
  using owned_run_op = detail::owned_run_op;
  using wait_op = detail::wait_op;

  /// `text` is split into words as a POSIX shell does, nothing is expanded; shell() hands it to sh.
  template <detail::text_like Text>
  explicit process(const Text& text) : process(command(text)) {}
  /// Words, each passed as it is: `process("ls", "-l")`, `process({"ls", "-l"})`,
  /// `process("ls", {"-l"})`, or a range of them.
  template <detail::text_like Program, detail::text_like... Word>
  requires(sizeof...(Word) > 0) process(const Program& program, const Word&... word)
      : process(command(program, word...)) {}
  template <detail::text_like Program>
  process(const Program& program, detail::word_list arguments)
      : process(command(program, std::move(arguments))) {}
  template <detail::word_range Words>
  explicit process(const Words& argv) : process(command(argv)) {}
  // A template, so that words in braces always mean a process.
  template <std::same_as<command> Command>
  explicit process(Command what) : process(detail::make_process(std::move(what))) {}
  process(const process&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("a process is moved, not copied: pass it with std::move");
  process(process&&) noexcept = default;
  process& operator=(process&&) noexcept = default;

  /// The context it will run on. Default: the awaiting coroutine's, else the calling thread's, else
  /// context::default_instance().
  process& on(executor where) &;
  process&& on(executor where) &&;

  /// Starts it now: environment, working directory and file mode mask are those of this call, even
  /// if the child runs later. A command that cannot be started does not throw: it ends as
  /// spawn_failed. Starting twice does nothing.
  /// Thread: any. Throws: std::invalid_argument for an unclosed quote or an empty command.
  process& start() &;
  process start() &&;

  /// Starts it if needed, and waits for its end. `co_await p` is the same.
  /// Stop: ends it (by its stop policy) and joins it; the result says `cancelled`.
  /// Resumes: on the awaiting coroutine's loop, else on the process's.
  /// Throws: never for the way the child ended; as start().
  run_op run() &;
  owned_run_op run() &&;
  run_op operator co_await() & { return run(); }
  owned_run_op operator co_await() && { return std::move(*this).run(); }

  /// Waits for the end of a started process and the end of its output. Several may wait.
  /// Pre: started; throws std::logic_error otherwise.
  /// Stop: leaves the process running; throws operation_cancelled.
  wait_op wait() &;

  /// Ends it by its stop policy: by default TERM, then KILL after kill_timeout.
  /// Does nothing before the start and after the end.
  /// Thread: any.
  void kill() noexcept;
  /// Sends a signal to its kill scope, by default its process group. A signal of its stop policy is
  /// followed by the later steps; other TERM and INT by KILL after kill_timeout.
  /// Thread: any.
  void kill(int signal) noexcept;

  /// Lets the process outlive the handle. Its context still reaps it.
  void detach() && noexcept;

  /// 0 before it runs.
  pid_t pid() const noexcept;
  bool running() const noexcept;
  /// The result, once it has ended.
  std::optional<result> try_result() const;

  using command_options<process>::out;
  using command_options<process>::err;
  using command_options<process>::in;
  /// Handles to its standard streams; see reader and writer. A reader made before the start gets
  /// every byte, even if a capture is full.
  reader out();
  reader err();
  writer in();

 private:
  friend class command_options<process>;
  explicit process(detail::process_ref state) noexcept : state_(std::move(state)) {}
  command& mutable_command();
  /// Throws: std::logic_error if it was moved from.
  detail::process_state& state() const;
  detail::process_ref state_;
};

}  // namespace execo
