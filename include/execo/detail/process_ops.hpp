// The awaiters of a process. They share the wait for its end; what a stop does differs.
#pragma once

#include <utility>

#include "execo/detail/end_observer.hpp"
#include "execo/detail/operation.hpp"
#include "execo/detail/state_ref.hpp"
#include "execo/status.hpp"

namespace execo {
class command;
}

namespace execo::detail {

class process_state;

void retain(process_state& state) noexcept;
void release(process_state& state) noexcept;

/// Shared by a process and its awaiters.
using process_ref = state_ref<process_state>;
process_ref make_process(command what);

class process_wait : public operation, private end_observer {
 public:
 protected:
  enum class stop_ends { process, wait };
  process_wait(process_ref state, stop_ends what) noexcept;
  process_wait(process_wait&& other) noexcept;

  /// Throws: operation_cancelled if the wait was abandoned.
  result copy_result() const;
  result move_result();

 private:
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }
  const char* what() const noexcept override { return "the end of a process"; }
  void on_end(execution& run) noexcept override;

  process_ref state_;
  stop_ends stop_;
  bool abandoned_ = false;
};

/// run() of a process that is kept.
class [[nodiscard]] run_op final : public process_wait {
 public:
  explicit run_op(process_ref state) noexcept
      : process_wait(std::move(state), stop_ends::process) {}
  result await_resume() const { return copy_result(); }
};

/// run() of a temporary: owns the process and gives its result away.
class [[nodiscard]] owned_run_op final : public process_wait {
 public:
  explicit owned_run_op(process_ref state) noexcept
      : process_wait(std::move(state), stop_ends::process) {}
  result await_resume() { return move_result(); }
};

class [[nodiscard]] wait_op final : public process_wait {
 public:
  explicit wait_op(process_ref state) noexcept : process_wait(std::move(state), stop_ends::wait) {}
  result await_resume() const { return copy_result(); }
};

}  // namespace execo::detail
