/// sync_wait: from ordinary code into coroutines.
#pragma once

#include "execo/context.hpp"
#include "execo/detail/group.hpp"

namespace execo {
namespace detail {

/// Drives a loop on the calling thread until one child is done and nothing it left still runs.
class sync_waiter : protected child_group {
 protected:
  sync_waiter() = default;
  /// Throws: std::logic_error from inside a context.
  void wait(context& where);
};

template <class T>
class sync_wait_op final : private sync_waiter {
 public:
  explicit sync_wait_op(child<T> work) noexcept : work_(std::move(work)) {}
  typename kept_child<T>::value&& wait(context& where) {
    sync_waiter::wait(where);
    return work_.take();
  }

 private:
  void on_begin() noexcept override { start_child(work_, 0); }
  void on_child_done(child_index, bool) noexcept override { work_.finish(); }

  kept_child<T> work_;
};

}  // namespace detail

/// Runs an operation to its end on `where`, driven by the calling thread, and returns its value.
/// Processes and sessions that it leaves behind are stopped and joined first.
///
/// Throws: what the operation threw; std::logic_error when called from inside a context, which
/// would wait for itself, and while another thread drives `where`.
template <awaitable Op>
await_result_t<Op> sync_wait(context& where, Op op) {
  detail::sync_wait_op<detail::task_value_t<Op>> waiter(detail::make_child(std::move(op)));
  if constexpr (std::is_void_v<await_result_t<Op>>) {
    (void)waiter.wait(where);
  } else {
    return waiter.wait(where);
  }
}

/// The same on a new context.
template <awaitable Op>
await_result_t<Op> sync_wait(Op op) {
  context where;
  return sync_wait(where, std::move(op));
}

}  // namespace execo
