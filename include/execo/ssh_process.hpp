/// ssh_process: one command on one host, as an object.
#pragma once

#include <optional>
#include <utility>

#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/process_handle.hpp"
#include "execo/detail/words.hpp"
#include "execo/host.hpp"
#include "execo/process.hpp"

namespace execo {

namespace detail {
process_ref make_ssh_process(command what, host where);
void set_ssh(process_state& of, ssh_options options);
}  // namespace detail

/// A command on an ssh host, with the verbs, streams, sinks and handlers of a process. A lazy
/// handle, as process is: it starts when awaited, or with start().
///
/// Text goes to the login shell of the remote user, as with ssh; words are quoted, so that each
/// arrives unchanged. With in(pipe()) the command is written to by in(), and expect() reads what it
/// answers; with pty() it has a terminal. Signals reach the command and what it started, as far as
/// the server lets them: docs/ssh.md. Up to 16 MiB of each stream are kept.
///
/// Options that cannot be used, such as an unreadable key file, end it as `unsupported`. Attributes
/// of a local process, such as nice(), do so as well: they are not for another host.
class [[nodiscard]] ssh_process : public detail::process_handle,
                                  public command_options<ssh_process> {
 public:
  ssh_process(const ssh_process&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("a process is moved, not copied: pass it with std::move");
  ssh_process(ssh_process&&) noexcept = default;
  ssh_process& operator=(ssh_process&&) noexcept = default;

  /// Throws: std::invalid_argument for text that is no host.
  template <detail::text_like Text>
  ssh_process(const Text& text, const host& where) : ssh_process(command(text), where) {}
  ssh_process(command what, const host& where)
      : process_handle(detail::make_ssh_process(std::move(what), where)) {}

  /// Identity, host keys and deadlines, or a connector.
  /// Throws: std::invalid_argument for options that exclude each other, std::logic_error after the
  /// start.
  ssh_process& ssh(ssh_options options) & {
    (void)configurable();
    detail::set_ssh(shared_state(), std::move(options));
    return *this;
  }
  ssh_process&& ssh(ssh_options options) && { return std::move(ssh(std::move(options))); }

  /// The context it will run on. Default: the awaiting coroutine's, else the calling thread's, else
  /// context::default_instance().
  ssh_process& on(executor where) & {
    set_place(where);
    return *this;
  }
  ssh_process&& on(executor where) && { return std::move(on(where)); }

  /// Reads what another command writes, as process::in(reader) does.
  ssh_process& in(const reader& other) & {
    read_from(other);
    return *this;
  }
  ssh_process&& in(const reader& other) && { return std::move(in(other)); }

  /// Starts it now. A host that cannot be reached does not throw: the result says so. Starting
  /// twice does nothing.
  /// Thread: any. Throws: std::invalid_argument for an empty command.
  ssh_process& start() & {
    start_now();
    return *this;
  }
  ssh_process start() && {
    start_now();
    return std::move(*this);
  }

  using command_options<ssh_process>::out;
  using command_options<ssh_process>::err;
  using command_options<ssh_process>::in;
  using process_handle::err;
  using process_handle::in;
  using process_handle::out;

 private:
  friend class command_options<ssh_process>;
  command& mutable_command() { return configurable(); }
};

/// A command here, or on a host, for code that does not care which. Text for this machine is split
/// into words, as that of a process; text for a host goes to its login shell.
/// Throws: as the constructors, and ssh_process::ssh().
process make_process(command what);
process make_process(command what, const host& where,
                     std::optional<ssh_options> how = std::nullopt);
/// Here if there is no host.
process make_process(command what, const std::optional<host>& where,
                     std::optional<ssh_options> how = std::nullopt);

}  // namespace execo
