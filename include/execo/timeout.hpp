/// timeout and with_stop: an operation with a deadline, or with a stop token from outside.
#pragma once

#include <optional>
#include <stop_token>

#include "execo/detail/cross_loop_stop.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/group.hpp"
#include "execo/time.hpp"

namespace execo {
namespace detail {

/// The part of timeout that does not depend on the operation: one child and its deadline.
class deadline_group : protected child_group {
 protected:
  explicit deadline_group(duration limit) noexcept;
  deadline_group(deadline_group&& other) noexcept : deadline_group(other.limit_) {}

  /// Before the child is started.
  void start_clock() noexcept;
  /// The child has ended.
  void stop_clock() noexcept;
  /// The deadline expired, and its request found something to end.
  bool cut_short() const noexcept { return expired_ && !stopped().came_too_late(); }

 private:
  void expire();
  void on_deadline() noexcept;

  duration limit_;
  deadline_timer timer_;
  queue_node deadline_step_;
  bool done_ = false;
  bool expired_ = false;
};

template <class T>
class timeout_op final : private deadline_group {
 public:
  timeout_op(child<T> work, duration limit) noexcept
      : deadline_group(limit), work_(std::move(work)) {}
  /// Pre: not awaited yet.
  timeout_op(timeout_op&& other) noexcept = default;

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting));
  }
  std::optional<typename kept_child<T>::value> await_resume() {
    if (cut_short()) return std::nullopt;
    return work_.take();
  }

 private:
  bool cancelled() const noexcept override { return !cut_short() && is_cancelled(work_.error()); }
  void on_begin() noexcept override {
    start_clock();
    start_child(work_, 0);
  }
  void on_child_done(child_index, bool) noexcept override {
    work_.finish();
    stop_clock();
  }

  kept_child<T> work_;
};

/// As many nanoseconds as there are, or fit.
template <class Rep, class Period>
constexpr duration saturated(std::chrono::duration<Rep, Period> d) noexcept {
  using wide = std::chrono::duration<long double, std::nano>;
  if (wide(d) >= wide(duration::max())) return duration::max();
  if (wide(d) <= wide(duration::min())) return duration::min();
  return std::chrono::duration_cast<duration>(d);
}

template <class T, class Token>
class with_stop_op final : private child_group {
 public:
  with_stop_op(child<T> work, Token token) : work_(std::move(work)), token_(std::move(token)) {}
  /// Pre: not awaited yet.
  with_stop_op(with_stop_op&& other) noexcept
      : child_group(), work_(std::move(other.work_)), token_(std::move(other.token_)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    begin(awaiting, env_of(awaiting));
  }
  typename kept_child<T>::value await_resume() { return work_.take(); }

 private:
  bool cancelled() const noexcept override { return is_cancelled(work_.error()); }
  void on_begin() noexcept override {
    if (is_stop_requested(token_)) {
      forward(this)();
    } else {
      callback_.emplace(token_, forward(this));
    }
    start_child(work_, 0);
  }
  void on_child_done(child_index, bool) noexcept override {
    work_.finish();
    done_ = true;
    // Waits for a call that another thread is in the middle of: [stopcallback.cons].
    callback_.reset();
    if (!crossing_.close()) add_pending();
  }
  void on_stop_arrived() noexcept {
    const stop_kind kind = crossing_.accept();
    if (done_) {
      release_pending();
    } else {
      stop().request(kind);
    }
  }

  /// What the token calls, on any thread.
  class forward {
   public:
    explicit forward(with_stop_op* to) noexcept : to_(to) {}
    void operator()() const noexcept { to_->crossing_.request(to_->affinity()); }

   private:
    with_stop_op* to_;
  };

  kept_child<T> work_;
  Token token_;
  cross_loop_stop crossing_{delegate<>::template to<&with_stop_op::on_stop_arrived>(this)};
  std::optional<typename stop_callback_of<Token, forward>::type> callback_;
  bool done_ = false;
};

}  // namespace detail

/// Awaits an operation for at most `limit`: its value, or nothing if the deadline expired first.
/// Then the operation was asked to stop and has ended. A deadline that expires when the operation
/// has completed already, in the same turn of the loop, drops nothing: the value is given. A
/// negative limit is no time at all; an operation that does not have to wait is given its value
/// all the same.
///
/// Stop: the operation is asked to stop, and joined.
/// Resumes: on the awaiting coroutine's loop, after the operation has ended.
/// Throws: what the operation threw before the deadline.
template <awaitable Op, class Rep, class Period>
[[nodiscard]] auto timeout(Op op, std::chrono::duration<Rep, Period> limit) {
  return detail::timeout_op<detail::task_value_t<Op>>(detail::make_child(std::move(op)),
                                                      detail::saturated(limit));
}

/// Awaits an operation that is asked to stop when `token` is: a std::stop_token, one of another
/// library that has stop_requested() and a `callback_type<F>`, or any other that
/// execo::foreign_stop_token is specialised for. Gives the operation's value (void as
/// std::monostate), also when it had completed as the request came.
///
/// Stop: the operation is asked to stop, and joined.
/// Resumes: on the awaiting coroutine's loop, after the operation has ended.
/// Throws: what the operation threw, operation_cancelled usually after a stop.
/// Thread: the request may come from any.
template <awaitable Op, detail::stop_token_like Token>
[[nodiscard]] auto with_stop(Op op, Token token) {
  return detail::with_stop_op<detail::task_value_t<Op>, Token>(detail::make_child(std::move(op)),
                                                               std::move(token));
}

}  // namespace execo
