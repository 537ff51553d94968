// The state machine of one execution, local or remote: phases and their deadlines, kill escalation,
// capture, drain, and the result. Written once; what differs is behind the transport.
//
// idle -> active -> closing -> ended. The end reason is decided once, by whichever comes first: the
// command's own end, a failure, a deadline, a stop. All on one loop's thread, but for the few
// atomics that a handle reads.
#pragma once

#include <atomic>
#include <csignal>
#include <memory>

#include "base/intrusive_ptr.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/detail/end_observer.hpp"
#include "execo/status.hpp"
#include "loop/loop.hpp"
#include "process/result_access.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class lifecycle;

/// Sees output as it comes, beside the capture.
class output_tap {
 public:
  virtual void on_output(lifecycle& run, stream which, std::span<const char> bytes) = 0;

 protected:
  ~output_tap() = default;
};

class lifecycle final : public ref_counted, private transport_events, private resident {
 public:
  lifecycle(loop& on, std::shared_ptr<const command> what, std::unique_ptr<transport> how,
            const deadlines& limits);
  ~lifecycle() override;

  // -- on the loop's thread -------------------------------------------------------------------
  void start();
  /// Ends the run: by the stop policy, or KILL now. The result says `cancelled`.
  void cancel(int signal = by_policy) noexcept;
  /// Sends a signal on behalf of the user; before the command runs this cancels.
  void kill(int signal) noexcept;
  /// In place of a signal: the steps of the command's stop policy.
  static constexpr int by_policy = -1;
  /// Pre: not ended.
  void attach(end_observer& observer) noexcept { observer.link_before(observers_); }
  void set_tap(output_tap* tap) noexcept { tap_ = tap; }
  /// Back-pressure for a slow tap; without effect on a run that is being ended.
  void pause(stream which, bool paused);
  /// The present phase, for reports on a run that goes on.
  execo::phase current_phase() const noexcept { return phase_; }
  /// The final result, moved out by its only user.
  result take_result() noexcept { return std::move(result_); }

  // -- from any thread ------------------------------------------------------------------------
  loop& home() const noexcept { return loop_; }
  pid_t pid() const noexcept { return pid_.load(std::memory_order_relaxed); }
  bool started() const noexcept { return state() != run_state::idle; }
  bool ended() const noexcept { return state() == run_state::ended; }
  /// Pre: ended().
  const result& final_result() const noexcept { return result_; }

 private:
  enum class timed : std::uint8_t { nothing, establishing, command };
  enum class run_state : std::uint8_t { idle, active, closing, ended };
  run_state state() const noexcept { return state_.load(std::memory_order_acquire); }

  void on_phase(phase entered) override;
  void on_output(stream which, std::span<const char> bytes) override;
  void on_eof(stream which) override;
  void on_exit(exit_status status) override;
  void on_failed(end_reason how, std::error_code why, std::string context) override;
  void on_written(std::size_t count) override;
  void on_closed() override;
  void shut_down() noexcept override;
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;

  void decide(end_reason how) noexcept;
  void end_early(end_reason how, int signal = by_policy) noexcept;
  void begin_kill(int signal) noexcept;
  void take_step(std::size_t index) noexcept;
  void send_signal(int signal) noexcept;
  void wait_for_end(duration patience) noexcept;
  bool under_way() const noexcept { return next_step_ != 0; }
  void judge() noexcept;
  void arm_deadlines();
  void feed_input();
  void finish();
  void stamp_end() noexcept;

  void deadline_struck();
  void phase_deadline_struck();
  void patience_ended();
  void drain_ended();

  loop& loop_;
  std::shared_ptr<const command> command_;
  std::unique_ptr<transport> transport_;
  intrusive_ptr<lifecycle> self_;  // while the run is on
  list_node observers_;
  output_tap* tap_ = nullptr;
  deadlines limits_;
  timer deadline_;        // establishing, then the command's own
  timer phase_deadline_;  // one phase of establishing
  timer patience_;        // kill escalation, then drain
  result result_;
  clock::time_point begun_{};
  clock::time_point drain_end_{};
  std::size_t written_ = 0;
  std::vector<stop_policy::step> steps_;  // while it is being ended
  std::size_t next_step_ = 0;
  std::atomic<run_state> state_{run_state::idle};
  std::atomic<pid_t> pid_{0};
  execo::phase phase_ = phase::resolve;
  bool decided_ = false;
  bool running_ = false;  // the command was started
  bool exit_seen_ = false;
  bool out_open_ = true;
  bool err_open_ = true;
  bool kill_sent_ = false;      // KILL, the last resort
  bool beside_policy_ = false;  // a signal that is not of the policy began to end it
  timed timing_ = timed::nothing;
};

}  // namespace execo::detail
