// Scheduler affinity: a coroutine of execo's resumes on its own loop whatever it awaits. execo's
// awaiters do that by themselves and are awaited as they are; any other awaiter may resume on any
// thread, so it gets the handle of a small coroutine that resumes the awaiting one on its loop.
#pragma once

#include <coroutine>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "execo/awaitable.hpp"
#include "execo/detail/node.hpp"

namespace execo::detail {

void* allocate_frame(std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

/// Base of awaiters that resume a coroutine with a loop of its own on that loop.
struct affine_awaiter {};

/// Resumed on any thread, resumes another coroutine on its loop. Its frame is recycled per thread.
class affine_continuation {
 public:
  class promise_type {
   public:
    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    promise_type(const env& where, std::coroutine_handle<> to) noexcept : where_(where), to_(to) {}
    affine_continuation get_return_object() noexcept {
      return affine_continuation(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return arrival(); }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {}
    env execo_env() const noexcept { return where_; }

   private:
    struct arrival {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> self) const noexcept {
        return self.promise().arrive();
      }
      void await_resume() const noexcept {}
    };
    std::coroutine_handle<> arrive() noexcept;

    env where_;
    std::coroutine_handle<> to_;
    queue_node step_;
  };

  static affine_continuation to(env where, std::coroutine_handle<> awaiting);

  affine_continuation() noexcept = default;
  affine_continuation(affine_continuation&& other) noexcept
      : handle_(std::exchange(other.handle_, {})) {}
  affine_continuation& operator=(affine_continuation&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~affine_continuation() {
    if (handle_) handle_.destroy();
  }
  std::coroutine_handle<promise_type> handle() const noexcept { return handle_; }

 private:
  explicit affine_continuation(std::coroutine_handle<promise_type> handle) noexcept
      : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

/// An awaiter of unknown habits, for a coroutine that has a loop of its own.
template <class Awaiter>
class foreign_awaiter {
 public:
  template <class T>
  explicit foreign_awaiter(std::in_place_t, T&& value)
      : awaiter_(awaiter_of(std::forward<T>(value))) {}
  foreign_awaiter(const foreign_awaiter&) = delete;
  foreign_awaiter& operator=(const foreign_awaiter&) = delete;

  bool await_ready() { return static_cast<bool>(awaiter_.await_ready()); }
  template <class Promise>
  auto await_suspend(std::coroutine_handle<Promise> awaiting) {
    continuation_ = affine_continuation::to(env_of(awaiting), awaiting);
    // This object may be gone when the call returns.
    return awaiter_.await_suspend(continuation_.handle());
  }
  decltype(auto) await_resume() { return awaiter_.await_resume(); }

 private:
  Awaiter awaiter_;
  affine_continuation continuation_;
};

/// An awaiter that lives elsewhere. GCC 12 copies what await_transform gives by reference.
template <class Awaiter>
class awaiter_ref {
 public:
  explicit awaiter_ref(Awaiter& awaiter) noexcept : awaiter_(awaiter) {}
  bool await_ready() { return awaiter_.await_ready(); }
  template <class Promise>
  auto await_suspend(std::coroutine_handle<Promise> awaiting) {
    return awaiter_.await_suspend(awaiting);
  }
  decltype(auto) await_resume() { return awaiter_.await_resume(); }

 private:
  Awaiter& awaiter_;
};

template <class T>
decltype(auto) affine_awaiter_of(T&& value) {
  using awaiter = decltype(awaiter_of(std::forward<T>(value)));
  if constexpr (std::is_base_of_v<affine_awaiter, std::remove_cvref_t<awaiter>>) {
    if constexpr (std::is_reference_v<awaiter>) {
      return awaiter_ref<std::remove_reference_t<awaiter>>(value);
    } else {
      return awaiter_of(std::forward<T>(value));
    }
  } else {
    return foreign_awaiter<awaiter>(std::in_place, std::forward<T>(value));
  }
}

template <class T>
inline constexpr bool never = false;

template <class T>
concept sender_like = requires {
  typename T::sender_concept;
}
|| requires { typename T::completion_signatures; };

template <class T>
concept range_of_awaitables = requires(T& range) {
  range.end();
  requires awaitable<std::remove_cvref_t<decltype(*range.begin())>>;
};

/// Keeps a compiler that has been stopped from saying more.
struct anything {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};
template <class T>
struct never_awaited : std::suspend_never {
  T await_resume() const;
};

/// Stops the compiler with the cure.
template <class T>
auto refuse_to_await() {
  using plain = std::remove_cvref_t<T>;
  if constexpr (awaitable<plain>) {
    static_assert(never<T>, "this is awaited once, as a temporary: co_await std::move(it)");
    return never_awaited<await_result_t<plain>>();
  } else if constexpr (range_of_awaitables<plain>) {
    static_assert(never<T>,
                  "operations in a range are awaited together: "
                  "co_await execo::when_all(std::move(them))");
    return never_awaited<anything>();
  } else if constexpr (sender_like<plain>) {
    static_assert(never<T>,
                  "a sender is awaited with <execo/interop/stdexec.hpp>: "
                  "co_await execo::as_awaitable(std::move(it))");
    return never_awaited<anything>();
  } else {
    static_assert(never<T>,
                  "this cannot be awaited: co_await takes an operation such as p.run(), a task, "
                  "or what has await_ready(), await_suspend() and await_resume()");
    return never_awaited<anything>();
  }
}

/// What a coroutine of execo's awaits for a `T`.
template <class T>
decltype(auto) affine_on(T&& value) {
  if constexpr (awaitable<T>) {
    return affine_awaiter_of(std::forward<T>(value));
  } else {
    return refuse_to_await<T>();
  }
}

}  // namespace execo::detail
