/// action: work on many hosts, as one awaitable, with results as they complete.
#pragma once

#include <chrono>
#include <csignal>

#include "execo/action_result.hpp"
#include "execo/detail/action_ops.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/host_arguments.hpp"
#include "execo/handler.hpp"
#include "execo/host_handle.hpp"
#include "execo/timeout.hpp"

namespace execo {

class context;

namespace detail {
struct action_access;
}

/// The verbs that every action has. The handle owns the run: when the last handle is destroyed,
/// the context ends and joins the commands that still run.
class [[nodiscard]] action {
 public:
  using run_op = detail::action_run_op;
  using wait_op = detail::action_end_op;
  using next_op = detail::action_next_op;
  using line_op = detail::action_line_op;

  action(const action&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  action(action&&) noexcept = default;
  action& operator=(action&&) noexcept = default;

  /// Starts it now.
  /// Thread: any.
  action& start() &;
  action start() &&;

  /// Starts it if needed and waits for its end. Awaited again, it returns the same results.
  /// Stop: every command is ended (TERM, KILL after kill_timeout) and joined; hosts that were
  /// still waiting are `not_started`.
  /// Resumes: on the awaiting coroutine's loop, else on the action's.
  /// Throws: never for hosts. std::invalid_argument for options that cannot be used, such as an
  /// unreadable key file.
  run_op run();
  run_op operator co_await() { return run(); }

  /// Waits for the end of an action that was started. Several may wait.
  /// Pre: started; throws std::logic_error otherwise.
  /// Stop: leaves the action running; throws operation_cancelled.
  wait_op wait();
  /// The same for at most `limit`: nothing if the action goes on then.
  template <class Rep, class Period>
  [[nodiscard]] auto wait_for(std::chrono::duration<Rep, Period> limit) {
    return timeout(wait(), limit);
  }

  /// The next result, in the order in which hosts complete; nullopt after the last one. Starts the
  /// action if needed. Results that were not taken yet count towards the fanout.
  /// Stop: nothing is lost, the action goes on; throws operation_cancelled.
  next_op next();

  /// The next line that any of its hosts wrote, as it comes; nullopt after the last one. Starts the
  /// action if needed. Lines come besides the capture and the handlers. A slow reader slows the
  /// hosts down: when 256 KiB of lines wait, the hosts that write more are held, unless they are
  /// being ended: then what they write beyond some pieces is not kept.
  /// Pre: it starts the action, or keep_lines() was called before the start; std::logic_error
  /// otherwise.
  /// Stop: no line is lost, the action goes on; throws operation_cancelled.
  line_op next_line();

  /// Sends a signal to every running command, followed by KILL after TERM and INT, and starts no
  /// further host.
  /// Thread: any.
  void kill(int signal = SIGTERM) noexcept;

  /// One of its hosts, given as the action has it or by its name alone; of several, the first.
  /// Throws: std::out_of_range for a host of another action, std::invalid_argument for text that is
  /// no host.
  template <detail::host_like Host>
  host_handle of(const Host& which) const {
    return find(host(which));
  }

  /// Ends it as a stop of run() does: running commands are ended as `cancelled`.
  /// Thread: any.
  void request_stop() noexcept;

  /// Lets no further host begin until resume_launching(), neither for the first time nor once more.
  /// Running hosts go on, with all their deadlines; when none is left, next(), next_line() and
  /// wait() wait. An action that is started while it is suspended begins no host. A stop, a kill
  /// and the loss of its last handle end it as any other.
  ///
  /// It is for the whole of a composite or a rollout: no member of a sequence begins, and the
  /// deadline of a batch does not count the time. Called twice, it is undone by one resume.
  /// Thread: any once it is started.
  void suspend_launching() noexcept;
  /// Undoes that. Without a suspension it does nothing.
  /// Thread: as above.
  void resume_launching() noexcept;

  /// The counts so far.
  /// Thread: the one that drives the action's loop.
  action_stats stats() const;

 protected:
  friend struct detail::action_access;
  explicit action(detail::action_ref state) noexcept : state_(std::move(state)) {}
  /// Throws: std::logic_error if it was moved from.
  detail::action_core& state() const;
  detail::action_ref state_;

 private:
  host_handle find(const host& which) const;
};

}  // namespace execo
