// What put() and get() of one host share: a command over there that takes part in the copy, its way
// through the idle timeout and the rate limit, and the judgement of its end.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "execo/detail/deadline_timer.hpp"
#include "process/execution.hpp"
#include "process/lifecycle.hpp"
#include "transfer/copy_counts.hpp"
#include "transfer/copy_failure.hpp"
#include "transfer/mark_reader.hpp"
#include "transfer/rate_limit.hpp"

namespace execo::detail {

/// What all hosts of a copy on one loop share.
class copy_share {
 public:
  std::shared_ptr<copy_counts> counts;
  rate_limit rate{0};                // of all of them
  std::uint64_t bytes_a_second = 0;  // of each; 0: no limit
  duration idle_timeout{0};          // no byte moves; 0: no limit
};

class copy_execution : public execution, private end_observer, private output_tap {
 public:
  void start() override;
  void cancel(int signal) noexcept override { peer_->cancel(signal); }
  void kill(int signal) noexcept override { peer_->kill(signal); }
  void pause(stream, bool) override {}
  result take_result() noexcept override { return std::move(result_); }
  /// The host has run something else in place of the peer's script, or refused to run anything: it
  /// may be copied to in another way. Pre: ended().
  bool was_ignored() const noexcept { return is_ignored_; }
  /// The host has answered in the language of this copy.
  virtual bool was_greeted() const noexcept { return true; }
  pid_t pid() const noexcept override { return peer_->pid(); }
  const result& result_so_far() const noexcept override {
    return ended() ? result_ : peer_->result_so_far();
  }

 protected:
  /// `turn`: called when the rate lets more pass. `mark`: the one that the peer was given.
  copy_execution(loop& on, intrusive_ptr<lifecycle> peer, copy_share& shared, std::string mark,
                 delegate<> turn);

  /// Before the peer starts.
  virtual void on_start() = 0;
  /// The peer runs.
  virtual void on_begun() {}
  virtual void on_answer(std::span<const char> bytes) = 0;
  /// However the peer ends, what happened to the copy is known.
  virtual bool knows_outcome() const noexcept { return false; }
  /// Why the copy failed, of a peer that ended by itself or for failed_; none: it is good.
  virtual copy_failure judged() = 0;
  /// The last that happens: lets go what the copy holds, and is ended() from here on.
  virtual void let_go() noexcept = 0;

  loop& home() const noexcept { return loop_; }
  lifecycle& peer() const noexcept { return *peer_; }
  copy_counts& counts() const noexcept { return *shared_.counts; }
  const result& peer_result() const noexcept { return result_; }
  /// What throws is a failure of this copy.
  static copy_failure failure_of(const std::exception_ptr& error) noexcept;
  void note_progress();
  /// Whether `bytes` more have to wait; then `turn` is called when they may pass.
  bool wait_for_rate(std::size_t bytes);

  mark_reader lines_;
  copy_failure failed_;  // the first that this side found

 private:
  bool may_begin(execution&) noexcept override { return tap_ == nullptr || tap_->may_begin(*this); }
  void on_phase(execution&, phase entered) noexcept override {
    if (tap_ != nullptr) tap_->on_phase(*this, entered);
  }
  void on_running(execution&) override;
  void on_output(execution&, stream which, std::span<const char> bytes) override;
  void on_end(execution&) noexcept override;
  void stalled();
  void judge() noexcept;
  virtual bool is_ignored() const noexcept;

  loop& loop_;
  intrusive_ptr<lifecycle> peer_;
  copy_share& shared_;
  rate_limit rate_;
  deadline_timer turn_;   // until the rate lets more pass
  deadline_timer stall_;  // no byte has moved
  result result_;
  bool is_stalled_ = false;
  bool is_ignored_ = false;
};

}  // namespace execo::detail
