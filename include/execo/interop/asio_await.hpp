/// async_await: starts any execo operation with any completion token of Asio.
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "execo/context.hpp"
#include "execo/detail/detached_operation.hpp"
#include "execo/interop/asio_config.hpp"

namespace execo {
inline namespace EXECO_ASIO_ADAPTERS {

namespace asio_detail {

/// The argument of a handler. A handler gets one after an error, too: a type without a default
/// constructor is passed in an optional.
template <class T>
using delivered_t =
    std::conditional_t<std::default_initializable<T> && !std::is_same_v<T, std::monostate>, T,
                       std::optional<T>>;

template <class T>
struct signature {
  using type = void(std::exception_ptr, delivered_t<T>);
};
template <>
struct signature<std::monostate> {
  using type = void(std::exception_ptr);
};
template <class Op>
using signature_t = typename signature<detail::child_value_t<Op>>::type;

/// The gentlest of the requested types.
inline detail::stop_kind kind_of(net::cancellation_type_t asked) noexcept {
  if ((asked & net::cancellation_type::partial) != net::cancellation_type::none)
    return detail::stop_kind::end;
  if ((asked & net::cancellation_type::terminal) != net::cancellation_type::none)
    return detail::stop_kind::kill;
  return detail::stop_kind::abandon;
}

/// The completion, on the handler's executor.
template <class Handler, class T>
class completion {
 public:
  completion(Handler handler, std::exception_ptr error, std::optional<T> value)
      : handler_(std::move(handler)), error_(std::move(error)), value_(std::move(value)) {}

  void operator()() {
    auto slot = net::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.clear();
    if constexpr (std::is_same_v<T, std::monostate>) {
      std::move(handler_)(std::move(error_));
    } else if constexpr (std::is_same_v<delivered_t<T>, T>) {
      T delivered = value_ ? T(std::move(*value_)) : T();
      std::move(handler_)(std::move(error_), std::move(delivered));
    } else {
      std::move(handler_)(std::move(error_), std::move(value_));
    }
  }

 private:
  Handler handler_;
  std::exception_ptr error_;
  std::optional<T> value_;
};

template <class Op, class Handler>
class handler_operation final : public detail::detached_with_body<Op> {
 public:
  using value_type = detail::child_value_t<Op>;

  handler_operation(Op op, detail::loop& affinity, Handler handler)
      : detail::detached_with_body<Op>(std::move(op), affinity),
        handler_(std::move(handler)),
        work_(net::make_work_guard(*handler_)) {}

  void connect_slot() {
    auto slot = net::get_associated_cancellation_slot(*handler_);
    if (!slot.is_connected()) return;
    slot.assign([self = detail::detached_ref(this)](net::cancellation_type_t asked) {
      if (asked != net::cancellation_type::none) self->request_stop(kind_of(asked));
    });
  }

 private:
  void on_end() noexcept override {
    std::optional<value_type> value;
    std::exception_ptr error = this->take(value);
    // The slot's function holds this object until the handler has run.
    completion<Handler, value_type> done(std::move(*handler_), std::move(error), std::move(value));
    handler_.reset();
    auto work = std::move(work_);
    auto where = work.get_executor();
    if constexpr (std::is_same_v<decltype(where), net::system_executor>) {
      // Without an executor: called here, as for start(), not on Asio's own threads.
      done();
    } else {
      net::post(where, std::move(done));
    }
  }

  std::optional<Handler> handler_;
  decltype(net::make_work_guard(std::declval<const Handler&>())) work_;
};

class initiate_await {
 public:
  explicit initiate_await(context* where) noexcept : where_(where) {}

  template <class Handler, class Op>
  void operator()(Handler&& handler, Op op) const {
    using operation_type = handler_operation<Op, std::decay_t<Handler>>;
    auto* made =
        new operation_type(std::move(op), detail::loop_for(where_), std::forward<Handler>(handler));
    detail::detached_ref owner(made);
    made->connect_slot();
    made->launch();
  }

 private:
  context* where_;
};

}  // namespace asio_detail

/// Awaits an execo operation on `where` with a completion token: use_awaitable, use_future, a
/// callback, deferred, bind_executor(...), bind_cancellation_slot(...) and whatever wraps these.
/// The signature is `void(std::exception_ptr, T)`, for void `void(std::exception_ptr)`; a T without
/// a default constructor is passed as std::optional<T>, which is empty only with an exception.
///
/// Stop: the cancellation slot, with the first signal. On a process's run, `terminal` sends KILL,
/// `partial` ends it as any stop does (TERM, KILL after kill_timeout), and `total` abandons the
/// wait: the handler gets operation_cancelled at once, and the process goes on if you hold a handle
/// to it. If a signal has several types, partial comes before terminal and total. Other operations
/// are asked to stop. Unless a wait is abandoned, the handler is called after the operation's end.
/// Resumes: the handler, on its associated executor, by post(); without one on the thread that
/// drives `where`. Its executor has outstanding work until then.
/// Thread: any; a signal is emitted where the handler runs, as always in Asio.
template <awaitable Op, class Token>
auto async_await(context& where, Op op, Token&& token) {
  return net::async_initiate<Token, asio_detail::signature_t<Op>>(
      asio_detail::initiate_await(&where), token, std::move(op));
}

/// The same on the context of the calling thread, else on context::default_instance().
template <awaitable Op, class Token>
auto async_await(Op op, Token&& token) {
  return net::async_initiate<Token, asio_detail::signature_t<Op>>(
      asio_detail::initiate_await(nullptr), token, std::move(op));
}

}  // namespace EXECO_ASIO_ADAPTERS
}  // namespace execo
