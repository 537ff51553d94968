/// as_awaitable: turns a P2300 sender into an operation of execo.
#pragma once

#include <exception>
#include <optional>
#include <stop_token>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "execo/detail/operation.hpp"
#include "execo/interop/scheduler.hpp"
#include "execo/interop/sender_tags.hpp"

namespace execo {
namespace detail {

#if EXECO_HAS_STDEXEC
using sender_stop_source = stdexec::inplace_stop_source;
using receiver_concept_tag = stdexec::receiver_t;
#else
using sender_stop_source = std::stop_source;
class receiver_concept_tag {};
#endif

#if EXECO_HAS_STDEXEC
/// Versions of stdexec differ in the names of their queries: get_scheduler, get_start_scheduler.
template <class Query>
consteval bool asks_for_scheduler() {
  const std::string_view name = __PRETTY_FUNCTION__;
  return name.find("get_scheduler_t") != name.npos ||
         name.find("get_start_scheduler_t") != name.npos;
}
#endif

/// The environment that a sender sees: that of the awaiting coroutine.
class awaiting_env {
 public:
  using token_type = decltype(std::declval<sender_stop_source&>().get_token());
  awaiting_env(token_type token, loop& where) noexcept : token_(std::move(token)), where_(&where) {}

  token_type get_stop_token() const noexcept { return token_; }
  scheduler get_scheduler() const noexcept { return scheduler(*where_); }
#if EXECO_HAS_STDEXEC
  token_type query(stdexec::get_stop_token_t) const noexcept { return token_; }
  template <class Query>
  requires(asks_for_scheduler<Query>()) scheduler query(Query)
  const noexcept { return scheduler(*where_); }
#endif

 private:
  token_type token_;
  loop* where_;
};

/// A sender under a coroutine.
template <class Sender>
class [[nodiscard]] sender_op final : public operation {
  class receiver;
  using sent_type = typename sent_by<Sender, awaiting_env>::type;
  using value_type = std::conditional_t<std::is_void_v<sent_type>, std::monostate, sent_type>;

 public:
  explicit sender_op(Sender work) : work_(std::move(work)) {}
  /// Pre: not awaited yet.
  sender_op(sender_op&& other) noexcept
      : operation(std::move(other)), work_(std::move(other.work_)) {}

  sent_type await_resume() {
    if (error_) std::rethrow_exception(std::move(error_));
    if (!value_) throw operation_cancelled();
    if constexpr (!std::is_void_v<sent_type>) return std::move(*value_);
  }

 private:
  class receiver {
   public:
    using receiver_concept = receiver_concept_tag;
    explicit receiver(sender_op& op) noexcept : op_(&op) {}

    template <class... Value>
    void set_value(Value&&... value) noexcept {
      try {
        op_->value_.emplace(std::forward<Value>(value)...);
      } catch (...) {
        op_->error_ = std::current_exception();
      }
      op_->end();
    }
    template <class Error>
    void set_error(Error&& error) noexcept {
      if constexpr (std::is_same_v<std::remove_cvref_t<Error>, std::exception_ptr>) {
        op_->error_ = std::forward<Error>(error);
      } else if constexpr (std::is_same_v<std::remove_cvref_t<Error>, std::error_code>) {
        op_->error_ = std::make_exception_ptr(std::system_error(error));
      } else {
        op_->error_ = std::make_exception_ptr(std::forward<Error>(error));
      }
      op_->end();
    }
    void set_stopped() noexcept { op_->end(); }
    awaiting_env get_env() const noexcept {
      return awaiting_env(op_->stop_.get_token(), op_->work());
    }

   private:
    sender_op* op_;
  };

  struct connected {
    connected(Sender&& work, receiver to) : op(connect(std::move(work), std::move(to))) {}
    static auto connect(Sender&& work, receiver to) {
#if EXECO_HAS_STDEXEC
      return stdexec::connect(std::move(work), std::move(to));
#else
      return std::move(work).connect(std::move(to));
#endif
    }
    decltype(connect(std::declval<Sender>(), std::declval<receiver>())) op;
  };

  void on_start(bool stopped) noexcept override {
    step_.run = delegate<>::template to<&sender_op::complete>(this);
    if (stopped) return complete();
    try {
      running_.emplace(std::move(work_), receiver(*this));
    } catch (...) {
      error_ = std::current_exception();
      return complete();
    }
#if EXECO_HAS_STDEXEC
    stdexec::start(running_->op);
#else
    running_->op.start();
#endif
  }
  void on_stop() noexcept override { stop_.request_stop(); }
  bool cancelled() const noexcept override { return !error_ && !value_; }
  const char* what() const noexcept override { return "a sender"; }
  /// On any thread: the operation must not be destroyed inside its own completion.
  void end() noexcept { post(work(), step_); }

  Sender work_;
  sender_stop_source stop_;
  std::optional<connected> running_;
  std::optional<value_type> value_;
  std::exception_ptr error_;
  queue_node step_;
};

}  // namespace detail

/// A sender as an operation, for a task or any combinator to await. Returns what the sender sends:
/// nothing, a value, or several values as a tuple.
///
/// Stop: by the stop token of the receiver's environment.
/// Resumes: on the awaiting coroutine's loop.
/// Throws: what the sender sends as an error; operation_cancelled if it ends as stopped.
template <class Sender>
[[nodiscard]] auto as_awaitable(Sender sender) {
  return detail::sender_op<Sender>(std::move(sender));
}

}  // namespace execo