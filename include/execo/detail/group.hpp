// What all combinators share: children, which are tasks under one stop_state, and a parent that
// resumes when the last one is done.
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

/// What a task gives that awaits an `Awaitable`.
template <class Awaitable>
using task_value_t = std::conditional_t<std::is_void_v<await_result_t<Awaitable>>, void,
                                        std::decay_t<await_result_t<Awaitable>>>;
/// The same, with a value for void.
template <class Awaitable>
using child_value_t = value_or_monostate<await_result_t<Awaitable>>;

/// A task that a combinator starts and that calls the combinator when it ends. Until it has ended
/// it must not be destroyed once it was started.
template <class T>
class child {
 public:
  using value = value_or_monostate<T>;

  explicit child(task<T>&& work) : handle_(take(work)) {}
  child(child&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  child& operator=(child&&) = delete;
  ~child() { reset(); }

  std::coroutine_handle<task_promise<T>> handle() const noexcept { return handle_; }
  task_promise<T>& promise() const noexcept { return handle_.promise(); }

  /// What the task holds, its parameters among it, is freed as soon as it has ended: another child
  /// may wait for that. Pre: it is suspended for the last time.
  void reset() noexcept {
    if (handle_) std::exchange(handle_, {}).destroy();
  }
  /// Takes its value, or gives its error, and frees it. Pre: as reset().
  std::exception_ptr finish(std::optional<value>& to) noexcept {
    std::exception_ptr error = std::move(promise().error());
    if (!error) error = take_value(to);
    reset();
    return error;
  }

  /// Gives it up: the owner of the handle frees it.
  void release() noexcept { handle_ = {}; }

 private:
  // One that was awaited before says so when it is awaited again, as a child's error.
  static std::coroutine_handle<task_promise<T>> take(task<T>& work) {
    if (work.handle_) return std::exchange(work.handle_, {});
    task<T> refused = await_again(std::move(work));
    return std::exchange(refused.handle_, {});
  }
  static task<T> await_again(task<T> work) { co_return co_await std::move(work); }

  std::exception_ptr take_value(std::optional<value>& to) noexcept {
    try {
      if constexpr (std::is_void_v<T>) {
        to.emplace();
      } else {
        to.emplace(promise().take());
      }
      return nullptr;
    } catch (...) {
      return std::current_exception();
    }
  }

  std::coroutine_handle<task_promise<T>> handle_;
};

/// A task is run as it is; anything else is awaited by a small one.
template <class Awaitable>
task<task_value_t<Awaitable>> await_in_task(Awaitable awaitable) {
  if constexpr (std::is_void_v<await_result_t<Awaitable>>) {
    co_await std::move(awaitable);
  } else {
    co_return co_await std::move(awaitable);
  }
}

template <class Awaitable>
struct child_maker {
  using type = child<task_value_t<Awaitable>>;
  static type make(Awaitable&& awaitable) { return type(await_in_task(std::move(awaitable))); }
};
template <class T>
struct child_maker<task<T>> {
  using type = child<T>;
  static type make(task<T>&& work) { return type(std::move(work)); }
};

template <class Awaitable>
requires(!std::is_reference_v<Awaitable>) auto make_child(Awaitable&& awaitable) {
  return child_maker<Awaitable>::make(std::move(awaitable));
}

/// A child with room for its outcome.
template <class T>
class kept_child {
 public:
  using value = typename child<T>::value;

  explicit kept_child(child<T> work) noexcept : work_(std::move(work)) {}
  /// Pre: not started yet.
  kept_child(kept_child&& other) noexcept : work_(std::move(other.work_)) {}

  std::coroutine_handle<> handle() const noexcept { return work_.handle(); }
  task_promise_base& promise() const noexcept { return work_.promise(); }
  /// Pre: as child::finish().
  void finish() noexcept { error_ = work_.finish(value_); }

  /// Null if it gave a value. Pre: finished.
  const std::exception_ptr& error() const noexcept { return error_; }
  /// Throws: its error. Pre: finished.
  value&& take() {
    if (error_) std::rethrow_exception(error_);
    return std::move(*value_);
  }

 private:
  child<T> work_;
  std::optional<value> value_;
  std::exception_ptr error_;
};

template <class Awaitable>
using kept_child_t = kept_child<task_value_t<Awaitable>>;

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
  void start_child(std::coroutine_handle<> handle, task_promise_base& promise,
                   child_index index) noexcept;
  template <class Child>
  void start_child(const Child& which, child_index index) noexcept {
    start_child(which.handle(), which.promise(), index);
  }
  loop& affinity() const noexcept { return *env_.affinity; }

 private:
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

/// A group of one child without a parent: it reports the end through the ready queue, where the
/// child may be finished.
class detached_group final : private child_group {
 public:
  explicit detached_group(delegate<> ended) noexcept : step_(ended) {}

  void start(loop& place, std::coroutine_handle<> handle, task_promise_base& promise) noexcept;
  /// False: what it would have stopped had ended already.
  bool request_stop(stop_kind kind) noexcept;
  bool stop_requested() const noexcept { return stopped().requested(); }

 private:
  void on_begin() noexcept override {}
  void on_child_done(child_index, bool) noexcept override;

  queue_node step_;
  bool done_ = false;
};

}  // namespace execo::detail
