// What all combinators share: children that run as small
// coroutines under one stop_state, and a parent that resumes when the last one is done.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>
#include <variant>

#include "execo/awaitable.hpp"
#include "execo/task.hpp"

namespace execo::detail {

/// void as a value.
template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, std::decay_t<T>>;

class child_group;

class child_promise_base {
 public:
  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  env execo_env() const noexcept { return env_; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
  template <class T>
  decltype(auto) await_transform(T&& value) {
    return affine_on(std::forward<T>(value));
  }

  std::exception_ptr error;

 protected:
  struct final_awaiter : affine_awaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      return self.promise().finish();
    }
    void await_resume() const noexcept {}
  };

 private:
  friend class child_group;
  std::coroutine_handle<> finish() noexcept;
  std::coroutine_handle<> done() noexcept;
  void resume_group() noexcept;

  env env_;
  child_group* group_ = nullptr;
  child_index index_ = 0;
  queue_node step_;  // to the own loop, if the child ended elsewhere
};

/// One awaitable wrapped as a coroutine with a known promise.
template <class T>
class child {
 public:
  class promise_type : public child_promise_base {
   public:
    child get_return_object() noexcept {
      return child(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    final_awaiter final_suspend() const noexcept { return {}; }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
    std::optional<T> value;
  };

  child(child&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  child& operator=(child&&) = delete;
  ~child() {
    if (handle_) handle_.destroy();
  }

  std::coroutine_handle<promise_type> handle() const noexcept { return handle_; }
  promise_type& promise() const noexcept { return handle_.promise(); }

 private:
  explicit child(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <class Awaitable>
using child_value_t = value_or_monostate<await_result_t<Awaitable>>;

template <class Awaitable>
child<child_value_t<Awaitable>> make_child(Awaitable awaitable) {
  if constexpr (std::is_void_v<await_result_t<Awaitable>>) {
    co_await std::move(awaitable);
    co_return std::monostate{};
  } else {
    co_return co_await std::move(awaitable);
  }
}

/// A task as it is: it calls the group itself when it ends, and no frame is made around it.
template <class T>
class task_child {
 public:
  explicit task_child(task<T>&& work) : handle_(take(work)) {}
  task_child(task_child&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  task_child& operator=(task_child&&) = delete;
  ~task_child() {
    if (handle_) handle_.destroy();
  }

  std::coroutine_handle<task_promise<T>> handle() const noexcept { return handle_; }
  task_promise<T>& promise() const noexcept { return handle_.promise(); }

 private:
  // One that was awaited before says so when it is awaited again, as a child's error.
  static std::coroutine_handle<task_promise<T>> take(task<T>& work) {
    if (work.handle_) return std::exchange(work.handle_, {});
    task<T> refused = await_again(std::move(work));
    return std::exchange(refused.handle_, {});
  }
  static task<T> await_again(task<T> work) { co_return co_await std::move(work); }

  std::coroutine_handle<task_promise<T>> handle_;
};

/// What an awaitable is run as under a group that frees each child when it ends.
template <class Awaitable>
struct child_type {
  using type = child<child_value_t<Awaitable>>;
  static type make(Awaitable awaitable) { return make_child(std::move(awaitable)); }
};
template <class T>
struct child_type<task<T>> {
  using type = task_child<T>;
  static type make(task<T>&& work) { return type(std::move(work)); }
};

/// The parent's side. Lives in the combinator's awaiter; everything happens on one
/// loop, that of the parent.
class child_group : public affine_awaiter {
 public:
  child_group() noexcept;
  child_group(const child_group&) = delete;
  child_group& operator=(const child_group&) = delete;

  stop_state& stop() noexcept { return stop_; }
  const stop_state& stopped() const noexcept { return stop_; }
  std::size_t pending() const noexcept { return pending_; }

 protected:
  virtual ~child_group() = default;

  /// A child ended, with or without an error; it is still counted as pending.
  virtual void on_child_done(child_index index, bool failed) noexcept = 0;
  /// On the loop: starts the first children with start_child.
  virtual void on_begin() noexcept = 0;
  /// The last child is done. Gives whom to resume; a noop if the parent is resumed another way.
  virtual std::coroutine_handle<> on_joined(std::coroutine_handle<> awaiting) noexcept {
    return awaiting;
  }

  /// Whether await_resume() will throw operation_cancelled. After the last child.
  virtual bool cancelled() const noexcept { return false; }
  /// Suspends the parent until the last child is done. Without children it resumes at once.
  void begin(std::coroutine_handle<> awaiting, env where);
  /// Counts something besides the children that the parent has to wait for, until
  /// release_pending().
  void add_pending() noexcept { ++pending_; }
  void release_pending() noexcept;
  /// Fixes the loop before begin().
  void bind_to(loop& affinity) noexcept { env_.affinity = &affinity; }
  bool is_bound() const noexcept { return env_.affinity != nullptr; }
  void start_child(std::coroutine_handle<> handle, child_promise_base& promise,
                   child_index index) noexcept;
  void start_child(std::coroutine_handle<> handle, task_promise_base& promise,
                   child_index index) noexcept;
  loop& affinity() const noexcept { return *env_.affinity; }

 private:
  friend class child_promise_base;
  friend class task_promise_base;
  void run() noexcept;
  void on_parent_stop(stop_kind kind) noexcept;
  std::coroutine_handle<> join() noexcept;
  std::coroutine_handle<> child_done(child_index index, bool failed) noexcept;

  env env_;
  stop_state* parent_ = nullptr;
  stop_state stop_;
  stop_hook parent_stop_;
  queue_node step_;
  std::coroutine_handle<> awaiting_;
  std::size_t pending_ = 0;
  bool stopped_by_parent_ = false;
};

}  // namespace execo::detail
