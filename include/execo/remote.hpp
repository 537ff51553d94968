/// remote: a command on ssh hosts.
#pragma once

#include "execo/action.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/context.hpp"

namespace execo {

/// One command on each of many ssh hosts, at most `fanout` of them at a time.
///
/// Text goes as it is to the login shell of the remote user, as ssh sends it. A command made of
/// words is quoted, so that each word arrives as it is. Output is kept up to 1 MiB a host and
/// stream; max_output() changes that. Output that is kept open by something the command left behind
/// is given up after 5 s of silence; drain_timeout() changes that.
class [[nodiscard]] remote : public action, public command_options<remote> {
 public:
  remote(std::string_view text, const host_set& hosts);
  remote(std::string_view text, std::vector<host> hosts);
  remote(command what, std::vector<host> hosts);

  /// Where it will run: a context, or one ring of it. Its hosts are spread over all rings of that
  /// context; handlers and results come on the one named. Default: the awaiting coroutine's, else
  /// the calling thread's, else context::default_instance()'s.
  remote&& on(executor where) &&;

  /// Hosts worked on at a time. Default 64. Narrowed when the limit of open files asks for it.
  remote&& fanout(std::size_t hosts) &&;

  /// Identity, host keys and deadlines.
  remote&& ssh(ssh_options options) &&;

  /// Called on the action's loop for each line as it arrives, besides the capture. What it throws
  /// stops the action and comes out of run() or next().
  remote&& on_line(std::function<void(const output_line&)> handler) &&;

  /// Called on the action's loop with one line when the action has to do with less than was asked:
  /// a narrower window.
  remote&& on_notice(std::function<void(std::string_view)> handler) &&;

 private:
  friend class command_options<remote>;
  command& mutable_command();
};

}  // namespace execo
