// Going on where another library's scheduler or executor is, whichever way that offers.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "execo/detail/compiler.hpp"

namespace execo::detail {

/// The receiver of a schedule operation: whatever its end, the coroutine goes on.
class continuation {
 public:
  explicit continuation(std::coroutine_handle<> then) noexcept : then_(then) {}
  void set_value() noexcept { then_.resume(); }
  template <class Error>
  void set_error(Error&&) noexcept {
    then_.resume();
  }
  void set_stopped() noexcept { then_.resume(); }

 private:
  std::coroutine_handle<> then_;
};

/// Continues where `schedule()`, a sender, completes.
template <class Sender>
class reschedule_by_sender {
 public:
  explicit reschedule_by_sender(Sender work) : work_(std::move(work)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    started_.emplace(std::move(work_), self);
    started_->op.start();
  }
  void await_resume() const noexcept {}

 private:
  struct connected {
    connected(Sender&& work, std::coroutine_handle<> self)
        : op(std::move(work).connect(continuation(self))) {}
    decltype(std::declval<Sender>().connect(std::declval<continuation>())) op;
  };
  Sender work_;
  std::optional<connected> started_;
};

/// Continues where an executor runs functions.
template <class Executor>
class reschedule_by_execute {
 public:
  explicit reschedule_by_execute(Executor to) : to_(std::move(to)) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    // The coroutine may be gone before execute() returns, and this object with it.
    Executor to = to_;
    to.execute([self] { self.resume(); });
  }
  void await_resume() const noexcept {}

 private:
  Executor to_;
};

template <class Scheduler>
auto reschedule_to(Scheduler to) {
  if constexpr (requires { to.execute([] {}); }) {
    return reschedule_by_execute<Scheduler>(std::move(to));
  } else if constexpr (requires { to.schedule().connect(std::declval<continuation>()); }) {
    return reschedule_by_sender<decltype(to.schedule())>(to.schedule());
  } else {
    return to.schedule();
  }
}

}  // namespace execo::detail
