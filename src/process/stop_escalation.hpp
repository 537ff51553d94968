// Which signal ends a command, and which one follows: the steps of its stop policy. It says what is
// to be done and does nothing itself; it knows no transport and no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "execo/stop_policy.hpp"
#include "process/execution.hpp"

namespace execo::detail {

class stop_escalation {
 public:
  /// In place of a signal: the steps of the policy.
  static constexpr int by_policy = execution::by_policy;

  /// What is to be done now.
  class order {
   public:
    /// To send; 0: none.
    int signal = 0;
    /// What is left of the command's scope ends with it, by KILL in this time.
    std::optional<duration> until_kill;
    /// The grace period, after which next() says more.
    std::optional<duration> grace;
    /// KILL follows by itself, because the grace period of the signal before it has expired.
    bool forced = false;
  };

  /// `steps` end with KILL; `kill_timeout` is the grace period of TERM and INT where they are no
  /// step.
  void set_steps(std::vector<stop_policy::step> steps, duration kill_timeout);

  /// The command is to end by `signal`, or by all the steps. A signal of the policy goes on from
  /// its step, whose time does not begin again. TERM and INT are followed by KILL in any case,
  /// others that are no step are only sent.
  /// Pre: set_steps() has been called.
  order begin(int signal) noexcept;
  /// A grace period is over. Nothing: KILL has had its own, and nothing ends the command.
  /// Pre: in_flight().
  std::optional<order> next() noexcept;
  /// It is being ended: what its output is held back for does not count any more.
  bool in_flight() const noexcept { return state_ != state::idle; }

 private:
  // idle -> off_policy: begin() with TERM or INT that is no step
  // idle, off_policy, stepping -> stepping: a step that is not KILL
  // any -> killed: KILL
  enum class state : std::uint8_t { idle, off_policy, stepping, killed };

  order take(std::size_t index) noexcept;
  duration time_to_kill(std::size_t index) const noexcept;

  std::vector<stop_policy::step> steps_;
  duration kill_timeout_{0};
  std::size_t next_ = 0;
  state state_ = state::idle;
};

}  // namespace execo::detail
