// The setters that actions share: bases of the kinds of action.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "execo/action.hpp"
#include "execo/action_handler.hpp"
#include "execo/context.hpp"
#include "execo/detail/setter.hpp"
#include "execo/detail/value_list.hpp"
#include "execo/detail/words.hpp"
#include "execo/journal.hpp"
#include "execo/time.hpp"

namespace execo::detail {

/// Throws: std::invalid_argument for 0.
void set_fanout(action& a, std::size_t hosts);
// Throw: std::logic_error if the action was started.
void set_place(action& a, executor where);
void set_allow_empty(action& a);
void set_keep_lines(action& a);
void add_action_handler(action& a, std::shared_ptr<action_handler> h);
void set_notice(action& a, std::function<void(std::string_view)> call);
void set_journal(action& a, journal_options how);
void set_values(action& a, std::string_view name, value_list values);
void set_verbatim(action& a);
void set_retry(action& a, unsigned attempts, duration backoff);
void set_idempotent(action& a);

/// Of every action.
template <class Self>
class action_options {
 public:
  /// Where it will run: a context, or one of its rings. Hosts are spread over all rings of that
  /// context; handlers and results come on the given ring. Default: the awaiting coroutine's, else
  /// the calling thread's, else context::default_instance()'s.
  EXECO_SETTER(on(executor where), set_place(self(), where))
  /// Maximum number of hosts in progress. Default 64; less if the limit of open files requires it.
  /// Of a composite or a rollout: of each action in it, whatever they said.
  ///
  /// It may be called again once the action is started. With a larger number more hosts begin at
  /// once; with a smaller one those that run go on, and none begins until fewer are left.
  /// Throws: std::invalid_argument for 0.
  /// Thread: any once it is started.
  EXECO_SETTER(fanout(std::size_t hosts), set_fanout(self(), hosts))
  /// Lets an action without hosts be ok(). By default it is not, since an empty set is usually a
  /// mistake.
  EXECO_SETTER(allow_empty(), set_allow_empty(self()))
  /// Keeps lines for next_line() from the start on. You must then read them: when 256 KiB of lines
  /// are unread, the output of hosts is paused, and they do not end.
  EXECO_SETTER(keep_lines(), set_keep_lines(self()))
  /// Calls `h` at the start and at the end of the action, after the handlers given before.
  EXECO_SETTER(handle_action_with(std::shared_ptr<action_handler> h),
               add_action_handler(self(), std::move(h)))
  EXECO_SETTER(on_action_start(std::function<void(const started_action&)> call),
               add_action_handler(self(), on_action_start_call(std::move(call))))
  EXECO_SETTER(on_action_end(std::function<void(const ended_action&)> call),
               add_action_handler(self(), on_action_end_call(std::move(call))))

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

/// Of an action that does one thing on many hosts.
template <class Self>
class fanout_options : public action_options<Self> {
 public:
  /// Called on the action's loop with one line of text when the action does less than you asked
  /// for, such as a reduced fanout.
  EXECO_SETTER(on_notice(std::function<void(std::string_view)> call),
               set_notice(self(), std::move(call)))
  /// Writes a journal of the run, a line for each thing that happens, to a new file that only its
  /// owner may read: what is not in it as begun was not run on any host, even if this process was
  /// killed. The lines stay when the process ends; the disk has them a second later. If one cannot
  /// be written, no further host is begun, what runs goes on to its end, and then run() or next()
  /// throws the journal_error. docs/journal.md has the format.
  /// Given journal_options::resume(), it goes on with the run of that file.
  /// Throws: journal_error if there is a file of that name, or none can be made, or that run cannot
  /// be resumed.
  EXECO_SETTER(journal(journal_options how), set_journal(self(), std::move(how)))
  /// The values of `{{name}}`, a range of texts, numbers or hosts: the host at position i gets the
  /// one at i modulo their count. Given again, they replace those before.
  /// Throws: std::invalid_argument for a name that is not of letters, digits and '_', for no values
  /// and for a NUL byte.
  EXECO_SETTER(subst(text_view name, value_list values),
               set_values(self(), std::string_view(name), std::move(values)))
  /// Replaces nothing: braces stay as they are.
  EXECO_SETTER(verbatim(), set_verbatim(self()))
  /// Tries a host up to `attempts` times again whose command was certainly not started, after an
  /// end that may pass: it could not be reached, was lost or timed out. The pause before that is
  /// random, at most `backoff`, twice as much each time, 30 s at most; meanwhile the host counts
  /// neither towards the fanout nor as running. Its result is that of the last attempt. A stop or a
  /// kill ends a host in its pause at once, with that result. Default: no attempt but the first.
  /// Throws: std::invalid_argument for a negative backoff.
  EXECO_SETTER(retry(unsigned attempts, duration backoff = std::chrono::seconds(1)),
               set_retry(self(), attempts, backoff))
  /// The command may run twice: retry() is then also for one that was or may have been started, and
  /// exited with a code that is not accepted, was ended by a signal or a deadline, or was lost.
  EXECO_SETTER(idempotent(), set_idempotent(self()))

 private:
  Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace execo::detail
