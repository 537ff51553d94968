// The state machine of one execution, local or remote: phases and their deadlines, kill escalation,
// capture, drain, and the result. Written once; what differs is behind the transport.
//
// idle -> active -> closing -> ended. The end reason is decided once, by whichever comes first: the
// command's own end, a failure, a deadline, a stop. All on one loop's thread, but for the few
// atomics that a handle reads.
#pragma once

#include <array>
#include <atomic>
#include <cassert>
#include <csignal>
#include <memory>

#include "base/intrusive_ptr.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/detail/end_observer.hpp"
#include "execo/log.hpp"
#include "execo/status.hpp"
#include "io/input_file.hpp"
#include "io/output_stream.hpp"
#include "loop/loop.hpp"
#include "process/result_access.hpp"
#include "process/stop_escalation.hpp"
#include "process/taken_stdio.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class lifecycle;

/// At which level the log hears of it: as a warning if it is notable().
log_level end_level(const result& r) noexcept;

/// Sees output as it comes, beside the capture.
class output_tap {
 public:
  virtual void on_output(lifecycle& run, stream which, std::span<const char> bytes) = 0;
  /// False: the command may have an output for itself, which then nobody here sees.
  virtual bool wants_output() const noexcept { return true; }
  /// The command was started.
  virtual void on_running(lifecycle&) {}
  /// The result is final, and nobody was told yet.
  virtual void on_ending(lifecycle&) noexcept {}

 protected:
  ~output_tap() = default;
};

class lifecycle final : public ref_counted,
                        private transport_events,
                        private loop_member,
                        private output_stream_owner,
                        private input_file_owner {
 public:
  /// `stdio`: of the command, as it was when the start was asked for.
  lifecycle(loop& on, std::shared_ptr<const command> what, taken_stdio stdio,
            std::unique_ptr<transport> how, const deadlines& limits);
  ~lifecycle() override;

  // -- on the loop's thread -------------------------------------------------------------------
  void start();
  /// Ends the run: by the stop policy, or KILL now. The result says `cancelled`.
  void cancel(int signal = by_policy) noexcept;
  /// Sends a signal on behalf of the user; before the command runs this cancels.
  void kill(int signal) noexcept;
  /// In place of a signal: the steps of the command's stop policy.
  static constexpr int by_policy = stop_escalation::by_policy;
  /// It does not end with this program, should that end without ending it.
  void outlive() noexcept { transport_->outlive(); }
  /// Pre: not ended.
  void attach(end_observer& observer) noexcept {
    assert(!ended());
    observer.link_before(observers_);
  }
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

  /// Also after the end.
  output_stream& output(stream which) noexcept { return which == stream::out ? out_ : err_; }
  /// A write is under way.
  bool has_writer() const noexcept { return static_cast<bool>(writer_); }
  /// The bytes stay valid until `writer` is told how many were not taken, and whether that is
  /// because the command takes no more. Pre: !has_writer().
  void write(callback<std::size_t, bool> writer, std::span<const char> bytes) noexcept;
  bool is_fed_by_writer() const noexcept;
  /// The writer is told soon.
  void stop_writing() noexcept;
  /// The end of file, after what is being written.
  void end_input() noexcept;

  // -- from any thread ------------------------------------------------------------------------
  loop& home() const noexcept { return loop_; }
  pid_t pid() const noexcept { return pid_.load(std::memory_order_relaxed); }
  bool started() const noexcept { return state() != run_state::idle; }
  bool ended() const noexcept { return state() == run_state::ended; }
  /// Its name and start are fixed from on_running() on, all of it from on_ending() on.
  /// Pre: started().
  const result& result_so_far() const noexcept {
    assert(started());
    return result_;
  }
  /// Pre: ended(), or told so by on_ending().
  const result& final_result() const noexcept {
    assert(state() >= run_state::closing);
    return result_;
  }

 private:
  enum class timed : std::uint8_t { nothing, establishing, command };
  enum class run_state : std::uint8_t { idle, active, closing, ended };
  run_state state() const noexcept { return state_.load(std::memory_order_acquire); }

  void on_phase(phase entered) override;
  void on_output(stream which, std::span<const char> bytes) override;
  void on_eof(stream which) override;
  void on_exit(exit_status status) override;
  void on_failed(end_reason how, std::error_code why, std::string context) override;
  void on_output_held() override;
  void on_written(std::size_t count) override;
  void on_input_closed() override;
  void on_closed(end_report found) override;
  void shut_down() noexcept override;
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;

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
  void arm_deadlines();
  void feed_input();
  void close_input();
  void key_written(std::size_t count);
  void finish();
  void take_over(end_report found) noexcept;
  void try_end();

  // -- lifecycle_streams.cpp ------------------------------------------------------------------
  bool set_up_streams();
  void redirect_outputs();
  void pass_descriptors();
  bool give_to_child(int number, const child_stream& to);
  void set_up_input();
  output_stream& sink_of(stream which) noexcept {
    return which == stream::out || merged_ ? out_ : err_;
  }
  void update_flow();
  void hurry_streams();
  bool all_through() const noexcept {
    return !out_open_ && !err_open_ && out_.flushed() && err_.flushed();
  }
  void finalize_streams();
  void lose_output(std::error_code why, std::string context) noexcept;
  bool ended_by_itself() const noexcept {
    return result_.how() == end_reason::exited ||
           (result_.how() == end_reason::signaled && !result_.killed());
  }
  void notify_writer(bool closed) noexcept;
  void on_stream_moved() noexcept override;
  void on_stream_failed(std::error_code why, std::string context) noexcept override;
  void on_file_bytes(std::span<const char> bytes) noexcept override;
  void on_file_end(int error) noexcept override;
  void stamp_end() noexcept;

  class deadline {
   public:
    deadline(loop& on, callback<> strikes, const char* what) noexcept
        : loop_(on), timer_(strikes, what) {}
    /// 0: none.
    void arm(duration limit) noexcept;
    void disarm() noexcept { loop_.disarm(timer_); }
    /// It has struck while the loop was held up, and begins again: the peer had no chance.
    bool begins_again() noexcept;

   private:
    loop& loop_;
    timer timer_;
    duration limit_{0};
    clock::duration held_up_before_{0};
  };

  void deadline_expired();
  void phase_deadline_expired();
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
  list_node observers_;
  output_tap* tap_ = nullptr;
  std::shared_ptr<output_tap> kept_tap_;
  deadlines limits_;
  deadline deadline_;        // establishing, then the command's own
  deadline phase_deadline_;  // one phase of establishing
  stop_escalation escalation_;
  timer grace_;  // between two signals of it
  timer drain_;  // after the end, while its output is silent
  result result_;
  clock::time_point begun_{};
  clock::time_point drain_end_{};
  output_stream out_;
  output_stream err_;
  std::unique_ptr<input_file> input_file_;  // where the transport cannot give it to the command
  callback<std::size_t, bool> writer_;
  std::span<const char> to_write_;
  std::string_view end_keys_;  // of a terminal, once they are on their way
  std::size_t written_ = 0;
  std::array<bool, 2> tap_holds_{};
  std::array<bool, 2> paused_{};
  bool merged_ = false;            // standard error has no stream of its own
  bool input_direct_ = false;      // not through us
  bool input_ends_ = false;        // the writer said so
  bool input_closed_ = false;      // the command takes no more
  bool in_line_ = false;           // the last byte that was written was no end of a line
  bool write_stopped_ = false;     // the writer waits only for its bytes
  bool transport_closed_ = false;  // nothing of it is pending
  std::atomic<run_state> state_{run_state::idle};
  std::atomic<pid_t> pid_{0};
  execo::phase phase_ = phase::resolve;
  bool decided_ = false;
  bool running_ = false;  // the command was started
  bool exit_seen_ = false;
  bool out_open_ = true;
  bool err_open_ = true;
  bool logs_end_ = true;
  timed timing_ = timed::nothing;
};

}  // namespace execo::detail
