// The awaiters of an action.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "execo/detail/operation.hpp"
#include "execo/detail/state_ref.hpp"
#include "execo/host_line.hpp"
#include "execo/host_result.hpp"

namespace execo {

class action_result;

namespace detail {

class action_core;

void retain(action_core& state) noexcept;
void release(action_core& state) noexcept;

/// Shared by an action and its awaiters.
using action_ref = state_ref<action_core>;

class action_wait : public operation, public list_node {
 public:
 protected:
  explicit action_wait(action_ref state) noexcept;
  action_wait(action_wait&& other) noexcept;
  loop& bind(loop* affinity) override;

  action_ref state_;

 private:
  friend class action_core;
  /// The action has something for this waiter, or ended: leads to complete().
  virtual void deliver() noexcept = 0;
};

class [[nodiscard]] action_run_op final : public action_wait {
 public:
  explicit action_run_op(action_ref state) noexcept : action_wait(std::move(state)) {}
  action_run_op(action_run_op&& other) noexcept : action_wait(std::move(other)) {}
  action_result await_resume();

 private:
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  const char* what() const noexcept override { return "the end of an action"; }
  void deliver() noexcept override;
};

/// A wait that a stop ends, while the action goes on.
class action_watch : public action_wait {
 protected:
  explicit action_watch(action_ref state) noexcept : action_wait(std::move(state)) {}
  action_watch(action_watch&& other) noexcept : action_wait(std::move(other)) {}
  /// Throws: operation_cancelled if a stop ended it; what `take` threw.
  void check() const;
  /// Takes what there is; completes in any case.
  template <class Take>
  void complete_with(Take&& take) noexcept;

 private:
  /// Leads to deliver(), unless a stop comes first.
  virtual void enter() noexcept = 0;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }

  std::exception_ptr failed_;
  bool abandoned_ = false;
};

class [[nodiscard]] action_end_op final : public action_watch {
 public:
  explicit action_end_op(action_ref state) noexcept : action_watch(std::move(state)) {}
  action_end_op(action_end_op&& other) noexcept : action_watch(std::move(other)) {}
  action_result await_resume();

 private:
  void enter() noexcept override;
  const char* what() const noexcept override { return "the end of an action that goes on"; }
  void deliver() noexcept override;
};

class [[nodiscard]] action_next_op final : public action_watch {
 public:
  explicit action_next_op(action_ref state) noexcept : action_watch(std::move(state)) {}
  action_next_op(action_next_op&& other) noexcept : action_watch(std::move(other)) {}
  std::optional<host_result> await_resume();

 private:
  void enter() noexcept override;
  const char* what() const noexcept override { return "the next result of an action"; }
  void deliver() noexcept override;

  std::optional<host_result> taken_;
};

class [[nodiscard]] action_line_op final : public action_watch {
 public:
  explicit action_line_op(action_ref state) noexcept : action_watch(std::move(state)) {}
  action_line_op(action_line_op&& other) noexcept : action_watch(std::move(other)) {}
  std::optional<host_line> await_resume();

 private:
  loop& bind(loop* affinity) override;
  void enter() noexcept override;
  const char* what() const noexcept override { return "the next line of an action"; }
  void deliver() noexcept override;

  std::optional<host_line> taken_;
};

}  // namespace detail
}  // namespace execo
