// The awaiters of an action.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "execo/detail/operation.hpp"
#include "execo/host_result.hpp"

namespace execo {

class action_result;

namespace detail {

class action_state;

/// A counted reference to the state that an action and its awaiters share.
class action_ref {
 public:
  explicit action_ref(action_state* state) noexcept;
  action_ref(const action_ref& other) noexcept;
  action_ref(action_ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  action_ref& operator=(action_ref other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~action_ref();
  action_state* operator->() const noexcept { return state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  action_state* state_;
};

class action_wait : public operation, public list_node {
 public:
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    choose_loop(env_of(awaiting.promise()));
    operation::await_suspend(awaiting);
  }

 protected:
  explicit action_wait(action_ref state) noexcept;
  action_wait(action_wait&& other) noexcept;
  void choose_loop(env where);

  action_ref state_;

 private:
  friend class action_state;
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
  void deliver() noexcept override;
};

class [[nodiscard]] action_next_op final : public action_wait {
 public:
  explicit action_next_op(action_ref state) noexcept : action_wait(std::move(state)) {}
  action_next_op(action_next_op&& other) noexcept : action_wait(std::move(other)) {}
  std::optional<host_result> await_resume();

 private:
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  void deliver() noexcept override;

  std::optional<host_result> taken_;
  std::exception_ptr failed_;
  bool abandoned_ = false;
};

}  // namespace detail
}  // namespace execo
