/// start and as_future: from code without coroutines into operations, from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <type_traits>
#include <utility>

#include "execo/detail/compiler.hpp"
#include "execo/detail/driver_wait.hpp"
#include "execo/detail/started_operation.hpp"
#include "execo/outcome.hpp"

namespace execo {

/// An operation that runs concurrently with its owner, with a callback for its end. Made by start.
///
/// The handle owns the run, as a process handle does: when it goes, the operation is asked to stop
/// and is joined by its context, and the callback is not called any more. A callback that another
/// thread is in the middle of is waited for; one that is called later finds what it refers to.
class [[nodiscard]] started {
 public:
  explicit started(detail::started_ref state) noexcept : state_(std::move(state)) {}
  started(const started&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("a started operation is moved, not copied: pass it with std::move");
  started(started&&) noexcept = default;
  started& operator=(started&& other) noexcept {
    if (this != &other) {
      release();
      state_ = std::move(other.state_);
    }
    return *this;
  }
  ~started() { release(); }

  /// Asks for the end, of which the callback notifies.
  /// Thread: any.
  void request_stop() noexcept;
  /// The callback has returned.
  /// Thread: any.
  bool done() const noexcept;
  /// Waits until the operation has ended and its callback has returned.
  /// Pre: another thread drives the context.
  /// Throws: std::logic_error from inside a context, which might wait for itself.
  void join();
  /// Lets the operation go on without the handle; its callback will be called.
  void detach() && noexcept { state_ = detail::started_ref(nullptr); }

 private:
  void release() noexcept;
  detail::started_ref state_;
};

/// A std::future that speaks up when it waits for what cannot come. Made by as_future.
template <class T>
class operation_future : public std::future<T> {
 public:
  operation_future(std::future<T> value, detail::detached_ref run) noexcept
      : std::future<T>(std::move(value)), run_(std::move(run)) {}
  /// As std::future's. After a second during which no thread drives the context they say so on the
  /// standard error, once, and go on waiting.
  T get() {
    expect_driver();
    return std::future<T>::get();
  }
  void wait() const {
    expect_driver();
    std::future<T>::wait();
  }

 private:
  void expect_driver() const {
    if (!run_ || !this->valid() || run_->begun()) return;
    if (this->wait_for(detail::driver_wait()) != std::future_status::ready && !run_->begun())
      detail::warn_not_driven("a future of as_future()");
  }
  detail::detached_ref run_;
};

namespace detail {

template <class Op>
using outcome_of = outcome<
    std::conditional_t<std::is_void_v<await_result_t<Op>>, void, std::decay_t<await_result_t<Op>>>>;

template <class Outcome, class T>
Outcome make_outcome(std::exception_ptr error, std::optional<T>& value) {
  if (error) return Outcome(std::move(error));
  if constexpr (std::is_same_v<Outcome, outcome<void>>) {
    return Outcome();
  } else {
    return Outcome(std::move(*value));
  }
}

template <class Op, class Callback>
class callback_operation final : public detached_with_body<Op, started_operation> {
 public:
  callback_operation(Op op, loop& affinity, Callback callback)
      : detached_with_body<Op, started_operation>(std::move(op), affinity),
        callback_(std::move(callback)) {}

 private:
  void drop_body() noexcept override {
    std::optional<child_value_t<Op>> value;
    (void)this->take(value);
  }
  void drop_callback() noexcept override { callback_.reset(); }
  void deliver() override {
    std::optional<child_value_t<Op>> value;
    std::exception_ptr error = this->take(value);
    std::invoke(std::move(*callback_), make_outcome<outcome_of<Op>>(std::move(error), value));
    callback_.reset();
  }
  std::optional<Callback> callback_;
};

template <class Op>
class future_operation final : public detached_with_body<Op> {
 public:
  using value_type = std::conditional_t<std::is_void_v<await_result_t<Op>>, void,
                                        std::decay_t<await_result_t<Op>>>;
  future_operation(Op op, loop& affinity) : detached_with_body<Op>(std::move(op), affinity) {}
  std::future<value_type> future() { return promise_.get_future(); }

 private:
  void on_end() noexcept override {
    std::optional<child_value_t<Op>> value;
    std::exception_ptr error = this->take(value);
    if (error) {
      promise_.set_exception(std::move(error));
    } else if constexpr (std::is_void_v<value_type>) {
      promise_.set_value();
    } else {
      promise_.set_value(std::move(*value));
    }
  }
  std::promise<value_type> promise_;
};

template <class Op, class Callback>
started start_on(context* where, Op op, Callback callback) {
  auto* made =
      new callback_operation<Op, Callback>(std::move(op), loop_for(where), std::move(callback));
  started_ref owner(made);
  made->launch();
  return started(std::move(owner));
}

template <class Op>
auto future_on(context* where, Op op) {
  refuse_in_a_context("as_future");
  auto* made = new future_operation<Op>(std::move(op), loop_for(where));
  detached_ref owner(made);
  auto future = made->future();
  made->launch();
  return operation_future<typename future_operation<Op>::value_type>(std::move(future),
                                                                     std::move(owner));
}

}  // namespace detail

/// Starts an operation now on `where` and calls `callback(outcome<T>)` once, on the thread that
/// drives `where`, when it has ended and nothing of it is left. Never calls it inside start().
///
/// Pre: the callback does not throw; what it throws is written to the standard error, and the
/// program ends.
/// Stop: by the handle that it gives.
/// Thread: any. Configure a process before: what it runs on is its own on(), if that was used.
template <awaitable Op, class Callback>
requires std::invocable<Callback, detail::outcome_of<Op>> started start(context& where, Op op,
                                                                        Callback callback) {
  return detail::start_on(&where, std::move(op), std::move(callback));
}

/// The same on the context that the calling thread is in, else on context::default_instance().
template <awaitable Op, class Callback>
requires std::invocable<Callback, detail::outcome_of<Op>> started start(Op op, Callback callback) {
  return detail::start_on(nullptr, std::move(op), std::move(callback));
}

/// Starts an operation now on `where` and gives a future for its value. The future does not own
/// the run: to stop it early give it a deadline (timeout) or a token (with_stop).
///
/// Pre: another thread drives `where`: get() in its own thread would never return, though not
/// without words; see operation_future.
/// Throws: std::logic_error from inside a context, where get() would block it: co_await instead.
/// Thread: any.
template <awaitable Op>
[[nodiscard]] auto as_future(context& where, Op op) {
  return detail::future_on(&where, std::move(op));
}

/// The same on context::default_instance().
template <awaitable Op>
[[nodiscard]] auto as_future(Op op) {
  return detail::future_on(nullptr, std::move(op));
}

}  // namespace execo
