// One host of an action while it is in progress. It runs on one ring and reports on the action's
// loop; these are usually the same, and then every step is a plain call.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "action/fanout_action.hpp"
#include "io/line_splitter.hpp"
#include "process/execution.hpp"

namespace execo::detail {

class host_run;

/// A host's place in its action's list of open ones.
struct open_link : list_node {
  explicit open_link(host_run* r) noexcept : run(r) {}
  host_run* run;
};

class host_run final : public ref_counted, private end_observer, private output_tap {
 public:
  /// `number`: of this attempt on the host.
  host_run(fanout_action& owner, std::size_t index, unsigned number, std::size_t ring);

  open_link link{this};

  // -- on the action's loop ---------------------------------------------------------------------
  void start() noexcept;
  void cancel() noexcept;
  void kill(int signal) noexcept;
  std::size_t index() const noexcept { return index_; }
  unsigned number() const noexcept { return number_; }
  /// Whether its output is to wait, since lines of the action are not taken.
  void hold(bool held) noexcept;
  bool is_held() const noexcept { return holding_; }
  loop& ring() const noexcept { return on_; }
  loop& action_loop() const noexcept { return owner_.where(); }
  // Pre of both: host_ended() was called with it, and has not returned.
  const result& found() const noexcept { return *result_; }
  host_result take_result() {
    host_result made(owner_.hosts[index_], index_, std::move(*result_));
    made.attempts = number_;
    return made;
  }
  /// Whether the journal gets its end. Pre: as above.
  bool is_in_journal() const noexcept { return times_ != nullptr; }
  /// Pre: is_in_journal().
  const attempt_times& times() const noexcept { return *times_; }
  /// Why it could not be started, if so.
  std::exception_ptr problem() const noexcept { return problem_; }

  // -- on its ring ------------------------------------------------------------------------------
  /// Its command; null before its start, after its end, and for other work.
  lifecycle* running_command() const noexcept { return run_ ? run_->as_lifecycle() : nullptr; }

 private:
  struct splitters {
    line_splitter out;
    line_splitter err;
  };
  struct pending_line {
    std::string text;
    stream from;
    bool complete;
    bool kept;
  };

  // -- on its ring ------------------------------------------------------------------------------
  void begin() noexcept;
  void make_run();
  void cancel_here() noexcept;
  void on_end(execution& run) noexcept override;
  bool wants_output() const noexcept override { return lines_ != nullptr; }
  bool may_begin(execution& run) noexcept override;
  void on_phase(execution& run, phase entered) noexcept override;
  void on_running(execution& run) override;
  void on_output(execution& run, stream which, std::span<const char> bytes) override;
  void finish_lines();
  void line(stream from, std::string_view text, bool complete);
  void send_lines();
  void set_paused(bool paused);
  void set_held(bool held);
  void update_pause(bool was_paused);
  void end_with(result found) noexcept;

  // -- on the action's loop ---------------------------------------------------------------------
  void notify_started(const std::string& name, pid_t pid, time_point at);
  void notify_line(stream from, std::string_view text, bool complete, bool kept);
  void notify_lines(const std::vector<pending_line>& lines);

  void ended() noexcept;

  template <void (host_run::*Step)() noexcept>
  void run_step_on(loop& to, queue_node& node) noexcept;
  template <void (host_run::*Step)() noexcept>
  void run_step() noexcept;

  std::size_t position() const noexcept { return owner_.position_of(index_); }
  bool crosses_loops() const noexcept { return &on_ != &owner_.where(); }

  fanout_action& owner_;
  loop& on_;
  const std::size_t index_;
  const unsigned number_;
  const std::size_t ring_;
  std::unique_ptr<attempt> what_;  // until it starts
  intrusive_ptr<execution> run_;
  std::unique_ptr<splitters> lines_;
  std::unique_ptr<attempt_times> times_;   // null: no journal, or it was not begun
  std::vector<pending_line> pending_;      // for the action's loop, if that is another one
  std::atomic<std::size_t> in_flight_{0};  // bytes of lines that are not delivered yet
  bool paused_ = false;                    // too many bytes in flight
  bool held_ = false;                      // output is paused: too many unread lines
  std::uint8_t late_ = 0;                  // pieces of output that came although it is held
  bool holding_ = false;                   // the same, as the action's loop knows it
  bool stop_sent_ = false;
  queue_node way_;  // to its ring, then back
  queue_node stop_;
  result* result_ = nullptr;          // while it is delivered
  std::unique_ptr<result> crossing_;  // room for it on its way to another ring
  std::exception_ptr problem_;
};

}  // namespace execo::detail
