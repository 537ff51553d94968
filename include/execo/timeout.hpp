/// timeout and with_stop: an operation with a deadline, or with a stop token from outside.
#pragma once

#include <atomic>
#include <optional>
#include <stop_token>

#include "execo/detail/group.hpp"
#include "execo/time.hpp"

namespace execo {
namespace detail {

template <class T>
class timeout_op final : private child_group {
 public:
  timeout_op(child<T> work, duration limit)
      : work_(std::move(work)), limit_(limit), timer_(callback<>::to<&timeout_op::expire>(this)) {}
  /// Pre: not awaited yet.
  timeout_op(timeout_op&& other) noexcept
      : child_group(),
        work_(std::move(other.work_)),
        limit_(other.limit_),
        timer_(callback<>::to<&timeout_op::expire>(this)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting.promise()));
  }
  std::optional<T> await_resume() {
    if (expired_) return std::nullopt;
    if (work_.promise().error) std::rethrow_exception(work_.promise().error);
    return std::move(work_.promise().value);
  }

 private:
  void on_begin() override {
    arm_after(home(), timer_, limit_);
    start_child(work_.handle(), work_.promise(), 0);
  }
  void on_child_done(std::size_t, bool) noexcept override { disarm(home(), timer_); }
  void expire() {
    expired_ = true;
    stop().request();
  }

  child<T> work_;
  duration limit_;
  timer timer_;
  bool expired_ = false;
};

/// Brings a request of a std::stop_token, made on any thread, to the home loop.
class stop_bridge {
 public:
  /// `arrived` is called on the home loop, at most once.
  stop_bridge(callback<> arrived, loop& home, const std::stop_token& token);
  stop_bridge(const stop_bridge&) = delete;
  stop_bridge& operator=(const stop_bridge&) = delete;
  /// No request starts to travel any more. True if one is still on its way.
  bool disconnect() noexcept;

 private:
  struct forward {
    stop_bridge* self;
    void operator()() const noexcept;
  };
  struct arrival_node : queue_node {
    stop_bridge* self = nullptr;
  };
  callback<> arrived_;
  loop& home_;
  arrival_node node_;
  std::atomic<bool> travelling_{false};
  std::optional<std::stop_callback<forward>> callback_;
};

template <class T>
class with_stop_op final : private child_group {
 public:
  with_stop_op(child<T> work, std::stop_token token)
      : work_(std::move(work)), token_(std::move(token)) {}
  /// Pre: not awaited yet.
  with_stop_op(with_stop_op&& other) noexcept
      : child_group(), work_(std::move(other.work_)), token_(std::move(other.token_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting.promise()));
  }
  T await_resume() {
    if (work_.promise().error) std::rethrow_exception(work_.promise().error);
    return std::move(*work_.promise().value);
  }

 private:
  void on_begin() override {
    bridge_.emplace(callback<>::template to<&with_stop_op::on_request>(this), home(), token_);
    start_child(work_.handle(), work_.promise(), 0);
  }
  void on_child_done(std::size_t, bool) noexcept override {
    done_ = true;
    if (bridge_->disconnect()) hold();
  }
  void on_request() {
    if (done_) {
      let_go();
    } else {
      stop().request();
    }
  }

  child<T> work_;
  std::stop_token token_;
  std::optional<stop_bridge> bridge_;
  bool done_ = false;
};

}  // namespace detail

/// Awaits an operation for at most `limit`: its value, or nothing if the deadline struck first.
/// Then the operation was asked to stop and has ended.
///
/// Stop: the operation is asked to stop, and joined.
/// Throws: what the operation threw before the deadline.
template <awaitable Op>
[[nodiscard]] auto timeout(Op op, duration limit) {
  return detail::timeout_op<detail::child_value_t<Op>>(detail::make_child(std::move(op)), limit);
}

/// Awaits an operation that is asked to stop when `token` is. Gives the operation's value (void as
/// std::monostate).
///
/// Thread: the request may come from any.
/// Throws: what the operation threw, operation_cancelled usually after a stop.
template <awaitable Op>
[[nodiscard]] auto with_stop(Op op, std::stop_token token) {
  return detail::with_stop_op<detail::child_value_t<Op>>(detail::make_child(std::move(op)),
                                                         std::move(token));
}

}  // namespace execo
