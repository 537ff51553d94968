/// scope: operations that run concurrently with their owner and are joined by it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>
#include <vector>

#include "execo/detail/group.hpp"

namespace execo {

/// Runs any number of operations at once and joins them. What spawns into a scope lives on one
/// context, that of the first spawn.
class scope : private detail::child_group {
 public:
  class join_op;

  scope() = default;
  /// Pre: joined since the last spawn; otherwise the program ends, since what was spawned would
  /// outlive its owner.
  ~scope() override;

  /// Starts an operation now. Its value is dropped; its exception comes out of join(), and the
  /// first one asks the others to stop.
  /// Throws: std::logic_error outside a context's thread.
  template <awaitable Op>
  void spawn(Op op) {
    prepare_to_spawn();
    auto made = detail::make_child(without_value(std::move(op)));
    const std::coroutine_handle<> handle = made.handle();
    detail::task_promise_base& promise = made.promise();
    made.release();
    start(handle, promise);
  }

  /// Asks everything that runs to stop.
  void request_stop() noexcept { stop().request(); }

  /// Operations that have not ended.
  std::size_t running() const noexcept { return running_; }

  /// Waits for all. The scope can be used again afterwards, unless it was stopped.
  /// Stop: asks everything to stop, and joins it.
  /// Throws: the first exception of an operation. std::logic_error from another context.
  join_op join();

 private:
  // Its frame is freed when it has ended; unused ones are in a list.
  struct slot {
    std::coroutine_handle<> handle;
    detail::task_promise_base* promise = nullptr;
    std::size_t next_free = 0;
  };

  template <class Op>
  static task<> without_value(Op op) {
    co_await std::move(op);
  }
  template <class T>
  static task<T> without_value(task<T>&& op) {
    return std::move(op);
  }
  /// Makes sure that there is a free slot.
  void prepare_to_spawn();
  void start(std::coroutine_handle<> handle, detail::task_promise_base& promise) noexcept;
  bool cancelled() const noexcept override { return detail::is_cancelled(first_error_); }
  void on_begin() noexcept override;
  void on_child_done(detail::child_index index, bool failed) noexcept override;

  std::vector<slot> slots_;
  std::size_t first_free_ = 0;
  std::exception_ptr first_error_;
  std::size_t running_ = 0;
};

class [[nodiscard]] scope::join_op : public detail::affine_awaiter {
 public:
  explicit join_op(scope& s) noexcept : scope_(s) {}
  bool await_ready() const noexcept { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    scope_.begin(awaiting, detail::env_of(awaiting));
  }
  void await_resume();

 private:
  scope& scope_;
};

inline scope::join_op scope::join() { return join_op(*this); }

/// Calls `work(scope&)`, which gives an awaitable, and joins the scope on every path: after an
/// exception what was spawned is asked to stop first. Name a lambda with captures and pass it with
/// std::move.
template <class Work>
task<> with_scope(Work work) {
  scope s;
  std::exception_ptr error;
  try {
    co_await work(s);
  } catch (...) {
    error = std::current_exception();
    s.request_stop();
  }
  try {
    co_await s.join();
  } catch (...) {
    if (!error) error = std::current_exception();
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace execo
