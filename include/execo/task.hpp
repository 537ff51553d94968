/// task<T>: a lazy coroutine that starts when awaited.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <utility>

#include "execo/awaitable.hpp"
#include "execo/detail/affinity.hpp"
#include "execo/detail/compiler.hpp"

namespace execo {

template <class T = void>
class task;

namespace detail {

class child_group;
template <class T>
class child;
/// Which child of a group. Indices of children that have ended are used again.
using child_index = std::uint32_t;

class task_promise_base : private queue_node {
 public:
  // Frames are recycled per thread: a task that is called in a loop allocates once.
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  env execo_env() const noexcept { return env{affinity_, stop_}; }
  /// Whatever the coroutine awaits, it resumes on its own loop.
  template <class T>
  decltype(auto) await_transform(T&& value) {
    return affine_on(std::forward<T>(value));
  }
  /// What it let out. Null if it gave a value.
  std::exception_ptr& error() noexcept { return error_; }

 protected:
  struct final_awaiter : affine_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().next();
    }
    void await_resume() const noexcept {}
  };

 private:
  template <class T>
  friend class task_awaiter;
  friend class task_starter;
  friend class child_group;

  // Who goes on after it: its awaiter, that one through an adapter, or a group whose child it is.
  enum class parent_kind : std::uint8_t { awaiter, adapter, group };

  /// What to resume now. On another thread than the loop's: nothing, its queue resumes it.
  std::coroutine_handle<> next() noexcept;
  std::coroutine_handle<> leave_group() noexcept;
  void resume_group() noexcept;
  void resume_later(delegate<> how) noexcept;

  loop* affinity_ = nullptr;
  stop_state* stop_ = nullptr;
  void* parent_ = nullptr;  // the frame of a coroutine, or a child_group

 protected:
  std::exception_ptr error_;

 private:
  child_index index_ = 0;  // in a group
  parent_kind parent_kind_ = parent_kind::awaiter;
};

template <class T>
class task_promise final : public task_promise_base {
 public:
  task<T> get_return_object() noexcept;
  final_awaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  template <class U>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    if (error_) std::rethrow_exception(error_);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class task_promise<void> final : public task_promise_base {
 public:
  task<void> get_return_object() noexcept;
  final_awaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  void return_void() const noexcept {}
  void take() const {
    if (error_) std::rethrow_exception(error_);
  }
};

[[noreturn]] void refuse_second_await();

/// Brings the first step of a task to its loop when the awaiting thread is not there.
class task_starter {
 public:
  std::coroutine_handle<> start(std::coroutine_handle<> awaiting, env where,
                                std::coroutine_handle<> child, task_promise_base& promise);
};

template <class T>
class task_awaiter : public affine_awaiter {
 public:
  explicit task_awaiter(std::coroutine_handle<task_promise<T>> child) noexcept : child_(child) {}
  /// Pre: not awaited yet.
  task_awaiter(task_awaiter&& other) noexcept : child_(std::exchange(other.child_, {})) {}
  task_awaiter& operator=(const task_awaiter&) = delete;
  ~task_awaiter() {
    if (child_) child_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
    return starter_.start(awaiting, env_of(awaiting), child_, child_.promise());
  }
  T await_resume() { return child_.promise().take(); }

 private:
  std::coroutine_handle<task_promise<T>> child_;
  task_starter starter_;
};

}  // namespace detail

/// A coroutine that computes a `T`. Awaited once, as an rvalue: `co_await f()`.
///
/// Stop: the task goes on; what it awaits is asked to stop, and usually throws
/// operation_cancelled or ends with `cancelled`.
/// Resumes: the awaiting coroutine, on the loop the task lives on, which is the awaiting
/// coroutine's own if that has one. The task itself goes on there after whatever it awaits, a
/// foreign awaitable that resumes on another thread too; resume_on alone says otherwise.
/// Throws: what the coroutine let out.
template <class T>
class [[nodiscard]] task {
 public:
  using promise_type = detail::task_promise<T>;

  task(const task&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("a task is awaited once: pass it with std::move");
  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~task() {
    if (handle_) handle_.destroy();
  }

  /// Throws: std::logic_error if it was awaited before, or moved from.
  detail::task_awaiter<T> operator co_await() && {
    if (!handle_) detail::refuse_second_await();
    return detail::task_awaiter<T>(std::exchange(handle_, {}));
  }

 private:
  friend promise_type;
  friend class detail::child<T>;
  explicit task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>(std::coroutine_handle<task_promise>::from_promise(*this));
}

inline task<void> task_promise<void>::get_return_object() noexcept {
  return task<void>(std::coroutine_handle<task_promise>::from_promise(*this));
}

}  // namespace detail
}  // namespace execo
