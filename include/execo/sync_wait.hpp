/// sync_wait: from ordinary code into coroutines.
#pragma once

#include "execo/context.hpp"
#include "execo/detail/group.hpp"

namespace execo {
namespace detail {

/// Drives a loop on the calling thread until one child has ended and nothing of it still runs.
class sync_waiter final : private child_group {
 public:
  sync_waiter() = default;
  /// Throws: std::logic_error from inside a context.
  void wait(context& where, std::coroutine_handle<> child, child_promise_base& promise);

 private:
  void on_begin() noexcept override { start_child(child_, *promise_, 0); }
  void on_child_done(child_index, bool) noexcept override {}

  std::coroutine_handle<> child_;
  child_promise_base* promise_ = nullptr;
};

}  // namespace detail

/// Runs an operation to its end on `where`, driven by the calling thread, and returns its value.
/// Processes and sessions that it leaves behind are stopped and joined first.
///
/// Throws: what the operation threw; std::logic_error when called from inside a context, which
/// would wait for itself, and while another thread drives `where`.
template <awaitable Op>
await_result_t<Op> sync_wait(context& where, Op op) {
  auto child = detail::make_child(std::move(op));
  detail::sync_waiter waiter;
  waiter.wait(where, child.handle(), child.promise());
  if (child.promise().error) std::rethrow_exception(child.promise().error);
  if constexpr (!std::is_void_v<await_result_t<Op>>) return std::move(*child.promise().value);
}

/// The same on a new context.
template <awaitable Op>
await_result_t<Op> sync_wait(Op op) {
  context where;
  return sync_wait(where, std::move(op));
}

}  // namespace execo
