/// remote: a command on ssh hosts.
#pragma once

#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/host_arguments.hpp"
#include "execo/detail/value_list.hpp"
#include "execo/target.hpp"
#include "execo/tree.hpp"

namespace execo {

class tree_network;

/// One command on each of many ssh hosts, at most `fanout` of them at a time.
///
/// Text goes to the login shell of the remote user, as with ssh. A command made of words is quoted,
/// so that each word arrives unchanged. In either, in values of variables, in cwd() and in paths of
/// files, `{{{host}}}`, `{{{index}}}`, `{{{user}}}` and `{{{port}}}` are those of each host, and
/// `{{name}}` is what subst() says: docs/actions.md has the rules. Two hosts never write one file,
/// unless they append() to it.
///
/// Up to 1 MiB of each stream of each host is kept; max_output() changes that. If a leftover
/// process holds the output open, execo stops reading it when the server, asked after drain_timeout
/// of silence, has no more of it.
class [[nodiscard]] remote : public action,
                             public command_options<remote>,
                             public detail::fanout_options<remote> {
 public:
  remote(const remote&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  remote(remote&&) noexcept = default;
  remote& operator=(remote&&) noexcept = default;

  /// `hosts` is the text of a set, a host_set, a host, or a list of hosts: `"node[1-3]"`,
  /// `{"n1", "root@n2:22"}`, a vector of hosts or of texts. In a list, a text with brackets or
  /// commas, or one that begins with '@', is a set; any other text is one host.
  /// Throws: std::invalid_argument for text that is neither.
  template <detail::text_like Text>
  remote(const Text& text, detail::host_arguments hosts)
      : remote(command(text), std::move(hosts)) {}
  remote(command what, detail::host_arguments hosts);
  /// `make(const target&)` returns the command of a host, or its text or its words. It is called on
  /// the action's loop when the host begins, and nothing is replaced in what it returns. What that
  /// command leaves unset the setters of the action say. Sinks, sources of files and descriptors,
  /// passed descriptors and handlers are the action's alone. If it throws, the action is stopped,
  /// and run() or next() rethrows the exception.
  template <detail::makes_commands Make>
  remote(Make make, detail::host_arguments hosts)
      : remote(
            by_function(),
            [make = std::move(make)](const target& where) mutable { return command(make(where)); },
            std::move(hosts)) {}

  /// Identity, host keys and deadlines.
  remote& ssh(ssh_options options) &;
  remote&& ssh(ssh_options options) && { return std::move(ssh(std::move(options))); }

  /// By way of each other. All run at a time then, unless fanout() says otherwise.
  remote& via(const tree& shape) &;
  remote&& via(const tree& shape) && { return std::move(via(shape)); }
  /// By a tree that stands, of any of whose hosts these may be; others become hosts of it. The tree
  /// has options of its own: those of ssh() and of the context are not looked at.
  /// Throws: std::logic_error if it was moved from. The action throws std::invalid_argument if it
  /// runs in another context than the tree, std::logic_error if that was closed before.
  remote& via(const tree_network& net) &;
  remote&& via(const tree_network& net) && { return std::move(via(net)); }

  /// Called on the action's loop for each line as it arrives, in addition to the capture. If it
  /// throws, the action is stopped, and run() or next() rethrows the exception.
  remote& on_line(std::function<void(const output_line&)> handler) &;
  remote&& on_line(std::function<void(const output_line&)> handler) && {
    return std::move(on_line(std::move(handler)));
  }

 private:
  class by_function {};
  remote(by_function, detail::command_maker make, detail::host_arguments hosts);
  friend class command_options<remote>;
  command& mutable_command();
};

}  // namespace execo
