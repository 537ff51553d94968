// The setters for spawn attributes and for the way a command ends: a base of command_options.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "execo/attributes.hpp"
#include "execo/detail/setter.hpp"
#include "execo/detail/words.hpp"
#include "execo/stop_policy.hpp"

namespace execo {

template <class Self>
class command_options;

namespace detail {

/// Over ssh a command has env, unset_env, umask, cwd, pty and what concerns its end; the others
/// make it end as `unsupported`, which names the attribute.
template <class Self>
class attribute_options {
 public:
  /// Removes one environment variable, inherited or added before.
  EXECO_SETTER(unset_env(text_view name), options().remove_variable(name))
  /// Starts from an empty environment: what env() adds after this is all there is. The program is
  /// looked up in that PATH, or in ours when there is none.
  EXECO_SETTER(clear_env(), options().clear_variables())
  /// File mode creation mask.
  EXECO_SETTER(umask(mode_t mask), attributes().umask = mask)
  /// Runs as this user, a name or a number. Unless group() and groups() say otherwise, with its
  /// primary and its supplementary groups; never with ours. Names are looked up when the command is
  /// started, which blocks for as long as the system's user database takes.
  EXECO_SETTER(user(text_view name), attributes().user = std::string(std::string_view(name)))
  EXECO_SETTER(user(uid_t number), attributes().user = std::to_string(number))
  /// Runs with this primary group, a name or a number.
  EXECO_SETTER(group(text_view name), attributes().group = std::string(std::string_view(name)))
  EXECO_SETTER(group(gid_t number), attributes().group = std::to_string(number))
  /// Runs with exactly these supplementary groups, names or numbers.
  EXECO_SETTER(groups(word_list names), attributes().groups = std::move(names).take())
  /// Nice value, -20 (first) to 19.
  EXECO_SETTER(nice(int value), attributes().nice = value)
  /// A resource limit (`RLIMIT_NOFILE`, ...) in the units of setrlimit(2): bytes, seconds, counts.
  /// `no_limit` is none.
  EXECO_SETTER(rlimit(int resource, std::uint64_t soft, std::uint64_t hard),
               attributes().limits.emplace_back(resource, soft, hard))
  /// Puts it into an existing cgroup, given from the root of cgroup v2 as /proc/self/cgroup has it.
  /// It is there from its first instruction on. `unsupported` where there is no cgroup v2, or it
  /// may not be used.
  EXECO_SETTER(cgroup(text_view path), attributes().cgroup = std::string_view(path))
  /// Makes it lead a session of its own, without a terminal.
  EXECO_SETTER(new_session(), attributes().new_session = true)
  /// Joins this process group of our session, for instance getpgrp(), so that a terminal's keys
  /// reach it. Signals are then sent to the command alone. 0, the default: a group of its own.
  EXECO_SETTER(process_group(pid_t group), attributes().process_group = group)
  /// Runs it on a terminal of that size, the controlling one of a session of its own: 0, 1 and 2.
  /// All output is standard output, with the terminal's line ends; what input() gives is echoed and
  /// followed by ^D, as ^D alone is when there is no input.
  EXECO_SETTER(pty(unsigned short rows, unsigned short columns),
               (attributes().pty = true, attributes().pty_rows = rows,
                attributes().pty_columns = columns))
  /// Gives it our descriptor `ours` as its `theirs`, 3 or higher. The caller may close it once the
  /// start was asked for. It is not kept longer than until the command runs: the other end of a
  /// pipe would never see the end.
  EXECO_SETTER(pass_fd(int ours, int theirs), attributes().descriptors.emplace_back(ours, theirs))

  /// The signals that end it, and their times; in place of TERM and kill_timeout. A kill() with a
  /// signal of the policy goes on from there.
  EXECO_SETTER(stop_policy(execo::stop_policy steps), options().stop_steps = std::move(steps))
  /// Which processes are ended with it. The default is its group, as long as we end it: what a
  /// command leaves when it ends by itself may go on. `session` and `cgroup` end what it leaves in
  /// any case. A scope that was set is accounted for: result::ended_with_it(), result::escaped().
  EXECO_SETTER(kill_scope(execo::kill_scope which), options().scope = which)
  /// Any exit code, or a signal that was not ours, counts as success.
  EXECO_SETTER(ignore_exit_code(), options().ignores_exit_code = true)
  /// An end by deadline counts as success.
  EXECO_SETTER(ignore_timeout(), options().ignores_timeout = true)
  /// Not to be started, or its host not to be reached, counts as success.
  EXECO_SETTER(ignore_error(), options().ignores_error = true)
  /// The same three for the log: result::notable() is then false, whatever ok() says.
  EXECO_SETTER(nolog_exit_code(), options().hides_exit_code = true)
  EXECO_SETTER(nolog_timeout(), options().hides_timeout = true)
  EXECO_SETTER(nolog_error(), options().hides_error = true)
  /// What it is called in results and reports, in place of its text.
  EXECO_SETTER(name(text_view shown), options().given_name = std::string_view(shown))

  /// Exit codes that count as success, in addition to those added before; then 0 only if added.
  template <class... More>
  Self&& accept(int code, More... more) && {
    add_codes(code, more...);
    return std::move(self());
  }
  template <class... More>
  Self& accept(int code, More... more) & {
    add_codes(code, more...);
    return self();
  }

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
  auto& options() { return static_cast<command_options<Self>&>(*this).options(); }
  spawn_attributes& attributes() { return options().attributes; }
  template <class... Code>
  void add_codes(Code... code) {
    (options().accepted_codes.push_back(static_cast<int>(code)), ...);
  }
};

}  // namespace detail
}  // namespace execo
