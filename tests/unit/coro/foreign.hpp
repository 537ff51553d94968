// Coroutine types that know nothing of execo, as other libraries have them.
#pragma once

#include <coroutine>
#include <exception>
#include <future>
#include <optional>
#include <utility>

namespace execo::test {

/// Starts at once, frees itself at its end; the result goes to a std::future.
template <class T>
class eager {
 public:
  struct promise_type {
    std::promise<T> done;
    eager get_return_object() { return eager(done.get_future()); }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_value(T value) { done.set_value(std::move(value)); }
    void unhandled_exception() { done.set_exception(std::current_exception()); }
  };
  T get() { return future_.get(); }
  bool ready() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  explicit eager(std::future<T> f) : future_(std::move(f)) {}
  std::future<T> future_;
};

/// Starts when awaited, by symmetric transfer, and resumes its awaiter the same way.
template <class T>
class lazy {
 public:
  struct promise_type {
    std::coroutine_handle<> awaiting;
    std::optional<T> value;
    std::exception_ptr error;
    struct final_awaiter {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> self) const noexcept {
        return self.promise().awaiting;
      }
      void await_resume() const noexcept {}
    };
    lazy get_return_object() {
      return lazy(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return {}; }
    void return_value(T v) { value.emplace(std::move(v)); }
    void unhandled_exception() { error = std::current_exception(); }
  };
  lazy(lazy&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~lazy() {
    if (handle_) handle_.destroy();
  }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
    handle_.promise().awaiting = awaiting;
    return handle_;
  }
  T await_resume() {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
    return std::move(*handle_.promise().value);
  }

 private:
  explicit lazy(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace execo::test
