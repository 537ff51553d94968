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
#include "execo/log.hpp"
#include "execo/status.hpp"
#include "loop/loop.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// Writes the private part of a result.
struct result_access {
  static void set_not_started(result& r, std::string name) {
    r.name_ = std::move(name);
    r.how_ = end_reason::not_started;
  }
  static std::string& name(result& r) { return r.name_; }
  static std::string& context(result& r) { return r.error_context_; }
  static std::error_code& error(result& r) { return r.error_; }
  static time_point& started(result& r) { return r.started_; }
  static duration& elapsed(result& r) { return r.elapsed_; }
  static std::uint64_t& out_dropped(result& r) { return r.out_dropped_; }
  static std::uint64_t& err_dropped(result& r) { return r.err_dropped_; }
  static exit_status& status(result& r) { return r.status_; }
  static end_reason& how(result& r) { return r.how_; }
  static phase& where(result& r) { return r.phase_; }
  static bool& ok(result& r) { return r.ok_; }
  static bool& killed(result& r) { return r.killed_; }
  static bool& forced_kill(result& r) { return r.forced_kill_; }
  static bool& output_complete(result& r) { return r.output_complete_; }
};

class lifecycle;

/// At which level the log hears of it: a warning, unless it went well or was ended from here.
log_level end_level(const result& r) noexcept;

/// Sees output as it comes, beside the capture.
class output_tap {
 public:
  virtual void on_output(lifecycle& run, stream which, std::span<const char> bytes) = 0;
  /// The command was started.
  virtual void on_running(lifecycle&) {}
  /// The result is final, and nobody was told yet.
  virtual void on_ending(lifecycle&) noexcept {}

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
  /// Ends the run: TERM, KILL after kill_timeout; or KILL now. The result says `cancelled`.
  void cancel(int signal = SIGTERM) noexcept;
  /// Sends a signal on behalf of the user; before the command runs this cancels.
  void kill(int signal) noexcept;
  /// Pre: not ended.
  void attach(end_observer& observer) noexcept { observer.link_before(observers_); }
  void set_tap(output_tap* tap) noexcept { tap_ = tap; }
  /// A tap that lives as long as the run does.
  void set_tap(std::shared_ptr<output_tap> tap) noexcept {
    kept_tap_ = std::move(tap);
    tap_ = kept_tap_.get();
  }
  /// Its owner logs its end, and better.
  void leave_log_to_owner() noexcept { logs_end_ = false; }
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
  /// Pre: ended(), or told so by on_ending().
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
  void end_early(end_reason how, int signal = SIGTERM) noexcept;
  void begin_kill(int signal) noexcept;
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
  std::shared_ptr<output_tap> kept_tap_;
  deadlines limits_;
  timer deadline_;        // establishing, then the command's own
  timer phase_deadline_;  // one phase of establishing
  timer patience_;        // kill escalation, then drain
  result result_;
  clock::time_point begun_{};
  clock::time_point drain_end_{};
  std::size_t written_ = 0;
  std::atomic<run_state> state_{run_state::idle};
  std::atomic<pid_t> pid_{0};
  execo::phase phase_ = phase::resolve;
  bool decided_ = false;
  bool running_ = false;  // the command was started
  bool exit_seen_ = false;
  bool out_open_ = true;
  bool err_open_ = true;
  bool logs_end_ = true;
  bool kill_sent_ = false;  // KILL, the last resort
  timed timing_ = timed::nothing;
};

}  // namespace execo::detail
