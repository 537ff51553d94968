// An operation that no coroutine awaits: it runs on one context under a stop_state of its own, can
// be asked to stop from any thread, and notifies of its end on its loop. Its context stops and
// joins it as it does a process. Under start, as_future, and the adapters for other libraries.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "execo/detail/group.hpp"
#include "execo/detail/state_ref.hpp"

namespace execo {

class context;

namespace detail {

class detached_operation {
 public:
  detached_operation(const detached_operation&) = delete;
  detached_operation& operator=(const detached_operation&) = delete;

  /// Begins on the loop, never inside this call. It keeps itself alive until its end.
  /// Thread: any, once.
  void launch();

  /// The first request counts.
  /// Thread: any, until the last reference is gone.
  void request_stop(stop_kind kind = stop_kind::end) noexcept;

  loop& affinity() const noexcept;
  /// Its loop has begun with it: a thread drives that loop.
  /// Thread: any.
  bool begun() const noexcept;

 protected:
  explicit detached_operation(loop& affinity);
  virtual ~detached_operation();

  void start(std::coroutine_handle<> body, task_promise_base& promise) noexcept;
  /// On the loop: starts the body.
  virtual void begin() noexcept = 0;
  /// On the loop; the body may be destroyed from here on.
  virtual void on_end() noexcept = 0;

 private:
  friend void retain(detached_operation& r) noexcept;
  friend void release(detached_operation& r) noexcept;
  class core;
  std::unique_ptr<core> core_;
};

void retain(detached_operation& r) noexcept;
void release(detached_operation& r) noexcept;
using detached_ref = state_ref<detached_operation>;

/// Says once on the standard error that `who` waits for a loop that no thread drives.
void warn_not_driven(const char* who) noexcept;

/// The loop of `chosen`, else that of the calling thread, else the default context's.
loop& loop_for(context* chosen);

/// A detached_operation with its body. `Base` is one without.
template <class Op, class Base = detached_operation>
class detached_with_body : public Base {
 public:
  using value = child_value_t<Op>;

 protected:
  template <class... Args>
  explicit detached_with_body(Op op, Args&&... args)
      : Base(std::forward<Args>(args)...), body_(make_child(std::move(op))) {}

  /// After the end, once: the error or the value. The operation is destroyed here.
  std::exception_ptr take(std::optional<value>& to) noexcept { return body_.finish(to); }

 private:
  void begin() noexcept final { this->start(body_.handle(), body_.promise()); }
  typename child_maker<Op>::type body_;
};

}  // namespace detail
}  // namespace execo
