/// remote: a command on ssh hosts.
#pragma once

#include "execo/action.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/context.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/host_arguments.hpp"

namespace execo {

/// One command on each of many ssh hosts, at most `fanout` of them at a time.
///
/// Text goes as it is to the login shell of the remote user, as ssh sends it. A command made of
/// words is quoted, so that each word arrives as it is. Output is kept up to 1 MiB a host and
/// stream; max_output() changes that. Output that is kept open by something the command left behind
/// is given up when the server, asked after drain_timeout of silence, has no more of it.
class [[nodiscard]] remote : public action, public command_options<remote> {
 public:
  remote(const remote&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  remote(remote&&) noexcept = default;
  remote& operator=(remote&&) noexcept = default;

  /// The hosts are the text of a set, a host_set, a host, or a list of hosts: `"node[1-3]"`,
  /// `{"n1", "root@n2:22"}`, a vector of hosts or of texts. In a list each text is one host, or
  /// the text of a set when it has brackets or commas or begins with '@'.
  /// Throws: std::invalid_argument for text that is neither.
  template <detail::text_like Text>
  remote(const Text& text, detail::host_arguments hosts)
      : remote(command(text), std::move(hosts)) {}
  remote(command what, detail::host_arguments hosts);

  /// Where it will run: a context, or one ring of it. Its hosts are spread over all rings of that
  /// context; handlers and results come on the one named. Default: the awaiting coroutine's, else
  /// the calling thread's, else context::default_instance()'s.
  remote& on(executor where) &;
  remote&& on(executor where) && { return std::move(on(where)); }

  /// Hosts worked on at a time. Default 64. Narrowed when the limit of open files asks for it.
  remote& fanout(std::size_t hosts) &;
  remote&& fanout(std::size_t hosts) && { return std::move(fanout(hosts)); }

  /// Lets an action without hosts be ok(). By default it is not: a set that is empty is mostly one
  /// that went wrong.
  remote& allow_empty() &;
  remote&& allow_empty() && { return std::move(allow_empty()); }

  /// Identity, host keys and deadlines.
  remote& ssh(ssh_options options) &;
  remote&& ssh(ssh_options options) && { return std::move(ssh(std::move(options))); }

  /// Called on the action's loop for each line as it arrives, besides the capture. What it throws
  /// stops the action and comes out of run() or next().
  remote& on_line(std::function<void(const output_line&)> handler) &;
  remote&& on_line(std::function<void(const output_line&)> handler) && {
    return std::move(on_line(std::move(handler)));
  }

  /// Called on the action's loop with one line when the action has to do with less than was asked:
  /// a narrower window.
  remote& on_notice(std::function<void(std::string_view)> handler) &;
  remote&& on_notice(std::function<void(std::string_view)> handler) && {
    return std::move(on_notice(std::move(handler)));
  }

 private:
  friend class command_options<remote>;
  command& mutable_command();
};

}  // namespace execo
