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

#include "execo/awaitable.hpp"
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

  env where() noexcept;
  /// The body is over and suspended for the last time.
  void body_done() noexcept;
  /// Starts the body, on the loop.
  virtual void begin() noexcept = 0;
  /// On the loop; the body may be destroyed from here on.
  virtual void on_end() noexcept = 0;

 private:
  friend void retain(detached_operation& r) noexcept;
  friend void release(detached_operation& r) noexcept;
  friend class detached_promise_base;
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

class detached_promise_base {
 public:
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  env execo_env() const noexcept { return owner->where(); }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  struct final_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      self.promise().owner->body_done();
    }
    void await_resume() const noexcept {}
  };
  final_awaiter final_suspend() const noexcept { return {}; }

  detached_operation* owner = nullptr;
  std::exception_ptr error;
};

/// The operation as a coroutine that a detached_operation owns.
template <class T>
class detached_body {
 public:
  class promise_type : public detached_promise_base {
   public:
    detached_body get_return_object() noexcept {
      return detached_body(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    std::optional<T> value;
  };

  detached_body(detached_body&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  detached_body& operator=(detached_body&&) = delete;
  ~detached_body() { reset(); }

  void start(detached_operation& owner) const {
    handle_.promise().owner = &owner;
    handle_.resume();
  }
  promise_type& promise() const noexcept { return handle_.promise(); }
  void reset() noexcept {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  explicit detached_body(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <class Op>
using detached_value_t = std::conditional_t<std::is_void_v<await_result_t<Op>>, std::monostate,
                                            std::decay_t<await_result_t<Op>>>;

template <class Op>
detached_body<detached_value_t<Op>> make_detached_body(Op op) {
  if constexpr (std::is_void_v<await_result_t<Op>>) {
    co_await std::move(op);
    co_return std::monostate{};
  } else {
    co_return co_await std::move(op);
  }
}

/// A detached_operation with its body. `Base` is one without; T is a value, std::monostate for
/// void.
template <class T, class Base = detached_operation>
class detached_with_body : public Base {
 protected:
  template <class... Args>
  explicit detached_with_body(detached_body<T> body, Args&&... args)
      : Base(std::forward<Args>(args)...), body_(std::move(body)) {}

  /// After the end, once: the error or the value. The operation is destroyed here.
  std::exception_ptr take(std::optional<T>& value) noexcept {
    value = std::move(body_.promise().value);
    std::exception_ptr error = std::move(body_.promise().error);
    body_.reset();
    return error;
  }

 private:
  void begin() noexcept final { body_.start(*this); }
  detached_body<T> body_;
};

}  // namespace detail
}  // namespace execo
