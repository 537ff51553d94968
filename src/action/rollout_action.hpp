// An action that lets the hosts of another one begin batch by batch. The other one delivers its
// results itself; the rollout counts them, and moves the position below which hosts may begin.
#pragma once

#include <functional>
#include <vector>

#include "action/action_core.hpp"
#include "action/batch_plan.hpp"
#include "execo/rollout.hpp"

namespace execo::detail {

class rollout_action final : public action_core {
 public:
  /// Throws: std::logic_error for one that was started.
  explicit rollout_action(action_ref what);

  // -- configuration, before the start ----------------------------------------------------------
  batch_options asked;
  duration soak{0};
  duration batch_deadline{0};
  rollout_stop on_stop = rollout_stop::drain;
  std::vector<std::function<void(const batch_report&)>> batch_calls;

  const rollout_verdict& verdict() const noexcept { return verdict_; }

  std::size_t size() const noexcept override { return what_->size(); }
  std::string name() const override { return what_->name(); }
  std::optional<std::size_t> find(const host& which, match by) const override;
  host_state state_of(std::size_t index) const noexcept override;
  void allow_below(std::size_t limit) noexcept override;
  void set_fanout(std::size_t at_a_time) noexcept override { what_->set_fanout(at_a_time); }

 private:
  /// idle -> in_batch, over; in_batch -> in_batch, soaking, draining, over;
  /// soaking -> in_batch, over; draining -> over.
  enum class step : std::uint8_t {
    idle,
    in_batch,
    soaking,
    draining,  // the verdict is known, and the batch is not over
    over,
  };

  void prepare(loop& where) override;
  void bind_home(loop& where) noexcept override;
  void begin() override;
  void go_on() noexcept override;
  void on_suspended() noexcept override;
  void cancel_all() noexcept override;
  void signal_all(int signal) noexcept override;
  void signal_one(std::size_t index, int signal) noexcept override;
  void find_process(std::size_t index, host_process_op& waiter) noexcept override;
  void end_waiting() noexcept override;
  std::size_t open() const noexcept override { return what_->open(); }
  void on_result(const host_result&) noexcept override {}
  void on_over() noexcept override {}
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  bool members_over() const noexcept override { return member_is_over_; }
  void member_over(action_core&) noexcept override;
  bool lacks_hosts() const noexcept override;
  void on_member_result(std::size_t index) noexcept override;
  void on_member_done() noexcept override;
  action_core& action_of(std::size_t index) noexcept override { return what_->action_of(index); }
  const action_core& shown() const noexcept override { return what_->shown(); }
  outcome_part part(std::size_t first) const override;

  std::size_t failed() const noexcept;
  std::size_t reached() const noexcept;
  bool batch_is_over() const noexcept { return ended_[batch_] == plan_.size_of(batch_); }
  void open_batch() noexcept;
  void run_deadline() noexcept;
  void begin_next_batch() noexcept;
  void end_soak() noexcept;
  void end_finished_batches() noexcept;
  void end_batch() noexcept;
  void check_limits() noexcept;
  void deadline_passed() noexcept;
  void decide(rollout_end how) noexcept;
  void report_batch() noexcept;

  action_ref what_;
  batch_plan plan_;
  std::vector<std::uint32_t> ended_;  // hosts with a result, by batch
  std::size_t batch_ = 0;
  std::size_t reached_before_ = 0;
  std::size_t failed_before_ = 0;                           // in the batches before this one
  std::size_t outer_limit_ = static_cast<std::size_t>(-1);  // of a rollout that this one is in
  rollout_verdict verdict_;
  deadline_timer soak_timer_;
  deadline_timer deadline_timer_;
  clock::time_point deadline_at_{};  // while that timer is armed
  duration deadline_left_{0};        // while it is not, in a batch
  step at_ = step::idle;
  bool member_is_over_ = false;
};

}  // namespace execo::detail
