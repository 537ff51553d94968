/// process: one local command, awaitable, with a handle to observe and end it.
#pragma once

#include <concepts>
#include <utility>

#include "execo/command.hpp"
#include "execo/context.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/process_handle.hpp"

namespace execo {

/// A local command. Lazy: it starts when awaited, or with start().
///
/// The handle owns the run: when the last handle is destroyed, the process is ended (TERM, then
/// KILL after kill_timeout, or by its stop policy) and reaped by its context, unless detached.
/// Standard input is /dev/null unless input() was given. The child gets its own process group, an
/// empty signal mask, default dispositions, and only the descriptors 0, 1 and 2; attributes change
/// that.
class [[nodiscard]] process : public detail::process_handle, public command_options<process> {
 public:
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
  /// Takes over the handle of any command, such as that of an ssh_process.
  explicit process(detail::process_handle&& other) noexcept : process_handle(std::move(other)) {}
  // A template, so that words in braces always mean a process.
  template <std::same_as<command> Command>
  explicit process(Command what) : process(detail::make_process(std::move(what))) {}
  process(const process&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("a process is moved, not copied: pass it with std::move");
  process(process&&) noexcept = default;
  process& operator=(process&&) noexcept = default;

  /// The context it will run on. Default: the awaiting coroutine's, else the calling thread's, else
  /// context::default_instance().
  process& on(executor where) & {
    set_place(where);
    return *this;
  }
  process&& on(executor where) && { return std::move(on(where)); }

  /// Reads what another command writes: `b.in(a.out())`. Both have an end of one pipe of the
  /// kernel, and the bytes do not pass through this process; those of a command on another host do.
  /// Throws: std::logic_error if one of them was started, or that output has a sink;
  /// std::system_error if no descriptor is left.
  process& in(const reader& other) & {
    read_from(other);
    return *this;
  }
  process&& in(const reader& other) && { return std::move(in(other)); }

  /// Starts it now: environment, working directory and file mode mask are those of this call, even
  /// if the child runs later. A command that cannot be started does not throw: it ends as
  /// spawn_failed. Starting twice does nothing.
  /// Thread: any. Throws: std::invalid_argument for an unclosed quote or an empty command.
  process& start() & {
    start_now();
    return *this;
  }
  process start() && {
    start_now();
    return std::move(*this);
  }

  using command_options<process>::out;
  using command_options<process>::err;
  using command_options<process>::in;
  using process_handle::err;
  using process_handle::in;
  using process_handle::out;

 private:
  friend class command_options<process>;
  explicit process(detail::process_ref state) noexcept : process_handle(std::move(state)) {}
  command& mutable_command() { return configurable(); }
};

}  // namespace execo
