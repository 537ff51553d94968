// The state machine of one execution, local or remote: phases and their deadlines, kill escalation,
// capture, drain, and the result. Written once; what differs is behind the transport. The end
// reason is decided once, by whichever comes first: the command's own end, a failure, a deadline, a
// stop. All on one loop's thread, but for the few atomics that a handle reads.
//
//   state         meaning                                   leaves by
//   idle          not started                               start: establishing; cancel: flushing
//   establishing  the command was not started yet           run: running; exit: draining;
//                                                           deadline, stop, failure: closing
//   running       it runs                                   exit: draining; failure: closing;
//                                                           deadline, stop, lost output: stopping
//   stopping      it gets signals, its end is decided       exit: draining;
//                                                           failure, last grace period over:
//                                                           closing
//   draining      it ended, its output is still open        output through, silent or cut: closing
//   closing       the transport gives up what is left       closed: flushing
//   flushing      files take the last bytes                 none is busy: ended
//   ended         the result is final
//
// A start whose streams cannot be had goes from idle to flushing.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <csignal>
#include <memory>

#include "base/intrusive_ptr.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/log.hpp"
#include "execo/status.hpp"
#include "loop/loop.hpp"
#include "process/execution.hpp"
#include "process/output_pair.hpp"
#include "process/result_access.hpp"
#include "process/run_deadlines.hpp"
#include "process/stdin_feed.hpp"
#include "process/stop_escalation.hpp"
#include "process/taken_stdio.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// The level at which it is logged: a warning if it is notable().
log_level end_level(const result& r) noexcept;

enum class run_state : std::uint8_t {
  idle,
  establishing,
  running,
  stopping,
  draining,
  closing,
  flushing,
  ended,
};

class lifecycle final : public execution,
                        private transport_events,
                        private loop_member,
                        private output_stream_owner,
                        private stdin_owner {
 public:
  /// `stdio`: of the command, as it was when the start was asked for.
  lifecycle(loop& on, std::shared_ptr<const command> what, taken_stdio stdio,
            std::unique_ptr<transport> how, const deadlines& limits);
  ~lifecycle() override;

  // -- on the loop's thread -------------------------------------------------------------------
  void start() override;
  /// Ends the run: by the stop policy, or KILL now. The result says `cancelled`.
  void cancel(int signal = by_policy) noexcept override;
  /// Sends a signal on behalf of the user; before the command runs this cancels.
  void kill(int signal) noexcept override;
  /// It does not end with this program, should that end without ending it.
  void outlive() noexcept { transport_->outlive(); }
  /// Back-pressure for a slow tap; without effect on a run that is being ended.
  void pause(stream which, bool paused) override;
  lifecycle* as_lifecycle() noexcept override { return this; }
  /// The present phase, for reports on a run that goes on.
  execo::phase current_phase() const noexcept { return phase_; }
  /// The final result, moved out by its only user.
  result take_result() noexcept override { return std::move(result_); }

  /// Also after the end.
  output_stream& output(stream which) noexcept { return outputs_.of(which); }
  stdin_feed& input() noexcept { return input_; }

  // -- from any thread ------------------------------------------------------------------------
  loop& home() const noexcept { return loop_; }
  pid_t pid() const noexcept override { return pid_.load(std::memory_order_relaxed); }
  run_state state() const noexcept { return state_.load(std::memory_order_acquire); }
  bool started() const noexcept { return state() != run_state::idle; }
  bool ended() const noexcept override { return state() == run_state::ended; }
  /// Its name and start are fixed from on_running() on, all of it from on_ending() on.
  /// Pre: started().
  const result& result_so_far() const noexcept override {
    assert(started());
    return result_;
  }
  /// Pre: ended(), or in on_ending().
  const result& final_result() const noexcept {
    assert(state() >= run_state::closing);
    return result_;
  }

 private:
  void enter(run_state next) noexcept { state_.store(next, std::memory_order_release); }
  /// The transport is open.
  bool active() const noexcept {
    return state() >= run_state::establishing && state() <= run_state::draining;
  }
  bool was_started() const noexcept { return result_.started_command() == certainty::yes; }
  bool decided() const noexcept { return result_.how() != end_reason::not_started; }

  void on_phase(phase entered) override;
  void on_waiting() override;
  void on_may_begin() override;
  void on_output(stream which, std::span<const char> bytes) override;
  void on_eof(stream which) override;
  void on_exit(exit_status status) override;
  void on_failed(failure why) override;
  void on_no_output_pending() override;
  void on_written(std::size_t count) override;
  void on_input_closed() override;
  void on_closed(end_report found) override;
  void shut_down() noexcept override;
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;

  bool may_begin() noexcept;
  template <class Call>
  void notify_tap(Call&& call) noexcept;
  template <class Make>
  void say(log_level level, Make&& make) const noexcept;
  void decide(end_reason how) noexcept;
  void end_early(end_reason how, int signal = by_policy) noexcept;
  void follow(const stop_escalation::order& order) noexcept;
  void send_signal(int signal) noexcept;
  void wait_for_end(duration grace) noexcept;
  void classify() noexcept;
  void finish();
  void take_over(end_report found) noexcept;
  void end_as(failed_try last) noexcept;
  void try_end();
  bool set_up_streams();
  void pass_descriptors();
  void lose_output(std::error_code why, std::string context) noexcept;
  bool ended_by_itself() const noexcept {
    return result_.how() == end_reason::exited ||
           (result_.how() == end_reason::signaled && !result_.killed());
  }
  void on_stream_moved() noexcept override;
  void on_stream_failed(std::error_code why, std::string context) noexcept override;
  void on_input_failed(std::error_code why, std::string context) noexcept override;
  void on_input_idle() noexcept override;
  void stamp_end() noexcept;
  void disarm() noexcept;
  void deadline_expired();
  void deadline_expired_in(execo::phase where);
  void update_flow();
  void grace_ended();
  void await_rest();
  void rest_is_silent();
  void cut_output();
  void demand_output();

  loop& loop_;
  std::shared_ptr<const command> command_;
  taken_stdio stdio_;
  std::unique_ptr<transport> transport_;
  intrusive_ptr<lifecycle> self_;  // while the run is on
  run_deadlines deadlines_;
  stop_escalation escalation_;
  deadline_timer grace_;  // between two signals of it
  deadline_timer drain_;  // after the end, while its output is silent
  result result_;
  stdin_feed input_;
  output_pair outputs_;
  clock::time_point begun_{};
  clock::time_point drain_end_{};
  bool asked_to_begin_ = false;  // the tap
  std::atomic<run_state> state_{run_state::idle};
  std::atomic<pid_t> pid_{0};
  execo::phase phase_ = phase::resolve;
  clock::duration unread_{0};  // its output, so far: see transport::unread_time()
};

}  // namespace execo::detail
