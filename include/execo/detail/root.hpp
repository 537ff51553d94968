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

class root {
 public:
  root(const root&) = delete;
  root& operator=(const root&) = delete;

  /// Begins on the loop, never inside this call. It keeps itself alive until its end.
  /// Thread: any, once.
  void launch();

  /// The first request counts.
  /// Thread: any, until the last reference is gone.
  void request_stop(stop_kind kind = stop_kind::end) noexcept;

  loop& home() const noexcept;
  /// Its loop has begun with it: a thread drives that loop.
  /// Thread: any.
  bool begun() const noexcept;

 protected:
  explicit root(loop& home);
  virtual ~root();

  env where() noexcept;
  /// The body is over and suspended for the last time.
  void body_done() noexcept;
  /// Starts the body, on the loop.
  virtual void begin() noexcept = 0;
  /// On the loop; the body may be destroyed from here on.
  virtual void on_end() noexcept = 0;

 private:
  friend void hold(root& r) noexcept;
  friend void drop(root& r) noexcept;
  friend class root_promise_base;
  class core;
  std::unique_ptr<core> core_;
};

void hold(root& r) noexcept;
void drop(root& r) noexcept;
using root_ref = state_ref<root>;

/// Says once on the standard error that `who` waits for a loop that no thread drives.
void warn_not_driven(const char* who) noexcept;

/// The loop of `chosen`, else that of the calling thread, else the default context's.
loop& loop_for(context* chosen);

class root_promise_base {
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

  root* owner = nullptr;
  std::exception_ptr error;
};

/// The operation as a coroutine that a root owns.
template <class T>
class root_body {
 public:
  class promise_type : public root_promise_base {
   public:
    root_body get_return_object() noexcept {
      return root_body(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    std::optional<T> value;
  };

  root_body(root_body&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  root_body& operator=(root_body&&) = delete;
  ~root_body() { reset(); }

  void start(root& owner) const {
    handle_.promise().owner = &owner;
    handle_.resume();
  }
  promise_type& promise() const noexcept { return handle_.promise(); }
  void reset() noexcept {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  explicit root_body(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <class Op>
using root_value_t = std::conditional_t<std::is_void_v<await_result_t<Op>>, std::monostate,
                                        std::decay_t<await_result_t<Op>>>;

template <class Op>
root_body<root_value_t<Op>> make_root_body(Op op) {
  if constexpr (std::is_void_v<await_result_t<Op>>) {
    co_await std::move(op);
    co_return std::monostate{};
  } else {
    co_return co_await std::move(op);
  }
}

/// A root with its body. `Base` is a root; T is a value, std::monostate for void.
template <class T, class Base = root>
class root_with_body : public Base {
 protected:
  template <class... Args>
  explicit root_with_body(root_body<T> body, Args&&... args)
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
  root_body<T> body_;
};

}  // namespace detail
}  // namespace execo
