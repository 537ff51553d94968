/// as_sender: turns any execo operation into a P2300 sender.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "execo/context.hpp"
#include "execo/detail/detached_operation.hpp"
#include "execo/interop/sender_tags.hpp"

namespace execo {
namespace detail {

struct forward_stop_request {
  detached_operation* who;
  void operator()() const noexcept { who->request_stop(); }
};

/// A callback of the receiver's stop token, if it has a token that can stop anything.
template <class Receiver>
class receiver_stop {
 public:
  void listen(Receiver& receiver, detached_operation& who) {
    if constexpr (has_token<Receiver>) {
      auto&& asked = foreign_env_of(receiver);
      heard_.emplace(foreign_env_t<Receiver>::stop_token(asked), forward_stop_request(&who));
    }
  }
  void ignore() noexcept { heard_.reset(); }

 private:
  static auto pick() {
    if constexpr (has_token<Receiver>) {
      using token = decltype(foreign_env_t<Receiver>::stop_token(
          as_lvalue(foreign_env_of(std::declval<Receiver&>()))));
      return std::type_identity<typename stop_callback_of<token, forward_stop_request>::type>();
    } else {
      return std::type_identity<int>();
    }
  }
  std::optional<typename decltype(pick())::type> heard_;
};

/// One operation, from start() to the receiver's completion.
template <class Op, class Receiver>
class detached_sender final : public detached_with_body<Op> {
 public:
  using value_type = child_value_t<Op>;
  detached_sender(Op op, loop& affinity, Receiver receiver)
      : detached_with_body<Op>(std::move(op), affinity), receiver_(std::move(receiver)) {}

  void start() {
    stop_.listen(receiver_, *this);
    this->launch();
  }

 private:
  void on_end() noexcept override {
    stop_.ignore();
    std::optional<value_type> value;
    std::exception_ptr error = this->take(value);
    if (is_cancelled(error)) {
      std::move(receiver_).set_stopped();
    } else if (error) {
      std::move(receiver_).set_error(std::move(error));
    } else if constexpr (std::is_same_v<value_type, std::monostate>) {
      std::move(receiver_).set_value();
    } else {
      std::move(receiver_).set_value(std::move(*value));
    }
  }

  Receiver receiver_;
  receiver_stop<Receiver> stop_;
};

template <class Op, class Receiver>
class sender_operation {
 public:
  using operation_state_concept = operation_state_concept_tag;
  sender_operation(Op op, context* where, Receiver receiver)
      : op_(std::move(op)), where_(where), receiver_(std::move(receiver)) {}
  sender_operation(sender_operation&&) = delete;

  void start() & noexcept {
    try {
      auto* made =
          new detached_sender<Op, Receiver>(std::move(op_), loop_for(where_), std::move(receiver_));
      detached_ref owner(made);
      made->start();
    } catch (...) {
      std::move(receiver_).set_error(std::current_exception());
    }
  }

 private:
  Op op_;
  context* where_;
  Receiver receiver_;
};

}  // namespace detail

/// An operation as a sender. Made by as_sender.
template <awaitable Op>
class [[nodiscard]] operation_sender {
 public:
  using value_type = detail::child_value_t<Op>;
  using sender_concept = detail::sender_concept_tag;
  using completion_signatures = typename detail::signatures_of<value_type>::type;
  template <template <class...> class Variant, template <class...> class Tuple>
  using value_types = Variant<typename detail::value_tuple<value_type, Tuple>::type>;
  template <template <class...> class Variant>
  using error_types = Variant<std::exception_ptr>;
  static constexpr bool sends_done = true;

  operation_sender(Op op, context* where) : op_(std::move(op)), where_(where) {}

  template <class Receiver>
  detail::sender_operation<Op, Receiver> connect(Receiver receiver) && {
    return detail::sender_operation<Op, Receiver>(std::move(op_), where_, std::move(receiver));
  }

 private:
  Op op_;
  context* where_;
};

/// Any execo operation as a sender, which runs on `where`: set_value with its value, set_stopped
/// if it throws operation_cancelled, set_error with any other exception.
///
/// Stop: by the stop token of the receiver's environment, from any thread; completes when the
/// operation has ended. A stopped process completes with a value, its result, which says
/// `cancelled`.
/// Resumes: the receiver, on the thread that drives `where`.
/// Thread: start() from any.
template <awaitable Op>
auto as_sender(context& where, Op op) {
  return operation_sender<Op>(std::move(op), &where);
}

/// The same on the context of the thread that starts it, else on
/// context::default_instance().
template <awaitable Op>
auto as_sender(Op op) {
  return operation_sender<Op>(std::move(op), nullptr);
}

}  // namespace execo
