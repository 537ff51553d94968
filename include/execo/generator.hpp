/// generator<T>: a coroutine that gives one value after another, and may await between them.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "execo/task.hpp"

namespace execo {

template <class T>
class generator;

namespace detail {

template <class T>
class generator_promise final : public task_promise_base {
 public:
  generator<T> get_return_object() noexcept;
  final_awaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { error_ = std::current_exception(); }
  void return_void() const noexcept {}
  template <class U>
  requires std::is_constructible_v<T, U&&> final_awaiter yield_value(U&& value) {
    value_.emplace(std::forward<U>(value));
    return {};
  }

  std::optional<T> take() {
    asked_ = false;
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
    return std::exchange(value_, std::nullopt);
  }
  void ask() {
    if (asked_) throw std::logic_error("next() of a generator while another waits");
    asked_ = true;
  }

 private:
  std::optional<T> value_;
  bool asked_ = false;
};

template <class T>
class [[nodiscard]] generator_next : public affine_awaiter {
 public:
  explicit generator_next(std::coroutine_handle<generator_promise<T>> producer) noexcept
      : producer_(producer) {}

  bool await_ready() const noexcept { return !producer_ || producer_.done(); }
  template <class Promise>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) {
    producer_.promise().ask();
    return starter_.start(awaiting, env_of(awaiting), producer_, producer_.promise());
  }
  std::optional<T> await_resume() {
    if (!producer_) return std::nullopt;
    return producer_.promise().take();
  }

 private:
  std::coroutine_handle<generator_promise<T>> producer_;
  task_starter starter_;
};

}  // namespace detail

/// A lazy sequence: the coroutine runs only while a next() waits for it, up to its next `co_yield`.
/// It may await anything in between. `while (auto v = co_await g.next())`.
///
/// A generator may be dropped between two calls of next(), at any `co_yield`: the coroutine's
/// locals are destroyed then, as at the end of their scope. Pre: not destroyed or moved to while a
/// next() waits.
template <class T>
class [[nodiscard]] generator {
  static_assert(std::is_object_v<T>, "a generator gives values");

 public:
  using promise_type = detail::generator_promise<T>;

  generator(generator&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  generator& operator=(generator&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~generator() {
    if (handle_) handle_.destroy();
  }

  /// The next value; nothing after the last one, and after an exception.
  ///
  /// Stop: what the coroutine awaits is asked to stop; it usually throws operation_cancelled out of
  /// the coroutine, which ends it.
  /// Resumes: on the awaiting coroutine's own loop, on which the coroutine runs as well.
  /// Throws: what the coroutine let out. std::logic_error while another next() waits.
  detail::generator_next<T> next() noexcept { return detail::generator_next<T>(handle_); }

 private:
  friend promise_type;
  explicit generator(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <class T>
generator<T> generator_promise<T>::get_return_object() noexcept {
  return generator<T>(std::coroutine_handle<generator_promise>::from_promise(*this));
}

}  // namespace detail
}  // namespace execo
