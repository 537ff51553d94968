/// What execo needs from an awaiting coroutine, and what it provides.
///
/// Every execo operation is a plain awaiter: any coroutine type may await it. A promise that has
/// `execo_env()` also says on which loop it lives and how it is stopped. For any other promise an
/// operation runs on the context that the thread drives, else on context::default_instance(), and:
/// - a stop token that the promise has stops the operation, from any thread, and the coroutine
///   resumes when the operation has ended; a promise without one costs nothing;
/// - the coroutine resumes inline on that context's thread, unless the promise has a scheduler:
///   then there.
/// How a promise's token and scheduler are found: foreign_env.
#pragma once

#include <coroutine>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "execo/detail/env.hpp"
#include "execo/detail/foreign_adapter.hpp"

namespace execo {

/// Thrown by a wait that was stopped. What it waited for goes on.
class operation_cancelled : public std::runtime_error {
 public:
  operation_cancelled() : std::runtime_error("operation cancelled") {}
};

namespace detail {

/// Whether it is an operation_cancelled.
bool is_cancelled(const std::exception_ptr& error) noexcept;

template <class Promise>
env env_of(Promise& promise) noexcept {
  static_assert(!ignores_stop<Promise>,
                "execo would ignore the stop of this coroutine: include "
                "<execo/interop/stdexec.hpp> for stdexec, else specialise execo::foreign_env");
  if constexpr (requires { promise.execo_env(); }) {
    return promise.execo_env();
  } else if constexpr (has_token<Promise> || has_scheduler<Promise>) {
    env foreign;
    foreign.adapter = &foreign_adapter_of<Promise>;
    return foreign;
  } else {
    return {};
  }
}

/// Of a handle as a foreign awaiter passes it on: nothing is known behind one of void.
template <class Promise>
env env_of(std::coroutine_handle<Promise> awaiting) noexcept {
  if constexpr (std::is_void_v<Promise>) {
    return {};
  } else {
    return env_of(awaiting.promise());
  }
}

/// The loop on which work starts for a coroutine that lives on `affinity`: that one, else the
/// calling thread's, else the default context's.
loop& loop_or_default(loop* affinity);
bool is_current(const loop& l) noexcept;
void post(loop& l, queue_node& node) noexcept;
void defer(loop& l, queue_node& node) noexcept;

template <class T>
decltype(auto) awaiter_of(T&& value) {
  if constexpr (requires { std::forward<T>(value).operator co_await(); }) {
    return std::forward<T>(value).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<T>(value)); }) {
    return operator co_await(std::forward<T>(value));
  } else {
    return std::forward<T>(value);
  }
}

}  // namespace detail

/// What `co_await` of a `T` gives.
template <class T>
using await_result_t = decltype(detail::awaiter_of(std::declval<T>()).await_resume());

template <class T>
concept awaitable = requires {
  typename await_result_t<T>;
};

}  // namespace execo
