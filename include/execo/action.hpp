/// action: one command on many hosts, as one awaitable, with results as they complete.
#pragma once

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "execo/detail/action_ops.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/handler.hpp"
#include "execo/host.hpp"
#include "execo/host_result.hpp"
#include "execo/host_set.hpp"
#include "execo/status.hpp"

namespace execo {

class context;

/// Counts of an action, by how the hosts ended.
class action_stats {
 public:
  action_stats() = default;
  std::size_t hosts = 0;
  std::size_t ok = 0;
  std::size_t done = 0;
  /// Started and not ended yet.
  std::size_t running = 0;
  /// By end_reason; `exited` includes those with an accepted code.
  std::array<std::size_t, end_reason_count> by_reason{};
  std::size_t count(end_reason how) const { return by_reason[static_cast<std::size_t>(how)]; }
  /// Of these, those that count as success: by their code, or because the command ignores such
  /// ends.
  std::array<std::size_t, end_reason_count> ok_by_reason{};
  std::size_t failed(end_reason how) const {
    return count(how) - ok_by_reason[static_cast<std::size_t>(how)];
  }
  /// Ended, in whatever way, with some output missing: result::output_complete().
  std::size_t incomplete = 0;
  /// Exited with a code that is not accepted.
  std::size_t bad_exits() const { return failed(end_reason::exited); }
  /// Connections made for it, replacements of lost ones included.
  std::size_t connections_made = 0;
  /// Commands that used a connection made for another one.
  std::size_t connections_reused = 0;
  /// Found, but lost before they were used, so made again.
  std::size_t connections_lost = 0;
  duration elapsed{0};
  /// No host at all counts as success: remote::allow_empty().
  bool allow_empty = false;
};

/// Hosts that ended in the same way with the same output.
class output_group {
 public:
  output_group() = default;
  host_set hosts;
  std::size_t count = 0;
  /// The result of one of them.
  host_result sample;
};

/// Groups results by output, with one copy of each distinct output, however many hosts wrote it.
class output_gatherer {
 public:
  output_gatherer();
  output_gatherer(output_gatherer&&) noexcept;
  output_gatherer& operator=(output_gatherer&&) noexcept;
  ~output_gatherer();
  void add(host_result r);
  /// Largest group first; equal sizes in the order of the first host.
  std::vector<output_group> groups() const&;
  /// Moves the groups out; the gatherer is then empty.
  std::vector<output_group> groups() &&;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

/// The result of an action. Copies share the results of the hosts.
class action_result {
 public:
  action_result() : action_result({}, {}) {}
  action_result(std::vector<host_result> results, action_stats stats)
      : results_(std::make_shared<const std::vector<host_result>>(std::move(results))),
        stats_(stats) {}

  /// Every host exited with an accepted code, and there was at least one host.
  bool ok() const noexcept {
    return stats_.ok == stats_.hosts && (stats_.hosts > 0 || stats_.allow_empty);
  }
  /// The results that next() did not take, in the order of the hosts.
  const std::vector<host_result>& all() const& noexcept { return *results_; }
  std::vector<host_result> all() const&& { return *results_; }
  /// Pointers into this object.
  std::vector<const host_result*> failed() const&;
  std::vector<const host_result*> failed() const&& = delete;
  std::vector<output_group> by_output() const;
  const action_stats& stats() const noexcept { return stats_; }
  /// One line: "2 of 40 hosts failed; the first: node3: ...", "40 hosts, all ok".
  std::string describe() const;
  /// Throws: process_error naming how many hosts failed, and the first of them, unless ok().
  const action_result& check() const;

 private:
  std::shared_ptr<const std::vector<host_result>> results_;
  action_stats stats_;
};

/// The verbs that every action has. The handle owns the run: when the last handle is destroyed,
/// the context ends and joins the commands that still run.
class [[nodiscard]] action {
 public:
  using run_op = detail::action_run_op;
  using next_op = detail::action_next_op;

  action(const action&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  action(action&&) noexcept = default;
  action& operator=(action&&) noexcept = default;

  /// Starts it now.
  /// Thread: any.
  action& start() &;

  /// Starts it if needed and waits for its end. Awaited again, it returns the same results.
  /// Stop: every command is ended (TERM, KILL after kill_timeout) and joined; hosts that were
  /// still waiting are `not_started`.
  /// Resumes: on the awaiting coroutine's loop, else on the action's.
  /// Throws: never for hosts. std::invalid_argument for options that cannot be used, such as an
  /// unreadable key file.
  run_op run();
  run_op operator co_await() { return run(); }

  /// The next result, in the order in which hosts complete; nullopt after the last one. Starts the
  /// action if needed. Results that were not taken yet count towards the fanout.
  /// Stop: nothing is lost, the action goes on; throws operation_cancelled.
  next_op next();

  /// Sends a signal to every running command, followed by KILL after TERM and INT, and starts no
  /// further host.
  /// Thread: any.
  void kill(int signal = SIGTERM) noexcept;

  /// Ends it as a stop of run() does: running commands are ended as `cancelled`.
  /// Thread: any.
  void request_stop() noexcept;

  /// The counts so far.
  /// Thread: the one that drives the action's loop.
  action_stats stats() const;

 protected:
  explicit action(detail::action_ref state) noexcept : state_(std::move(state)) {}
  /// Throws: std::logic_error if it was moved from.
  detail::action_core& state() const;
  detail::action_ref state_;
};

}  // namespace execo
