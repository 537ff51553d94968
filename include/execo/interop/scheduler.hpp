/// scheduler: a context as a scheduler in the manner of P2300.
#pragma once

#include <utility>
#include <variant>

#include "execo/context.hpp"
#include "execo/detail/node.hpp"
#include "execo/interop/sender_tags.hpp"

namespace execo {
namespace detail {

template <class Receiver>
class schedule_operation {
 public:
  using operation_state_concept = operation_state_concept_tag;
  schedule_operation(loop& where, Receiver receiver)
      : loop_(where),
        receiver_(std::move(receiver)),
        step_(delegate<>::template to<&schedule_operation::arrive>(this)) {}
  schedule_operation(schedule_operation&&) = delete;

  void start() & noexcept { post(loop_, step_); }

 private:
  void arrive() noexcept {
    if constexpr (has_token<Receiver>) {
      auto&& asked = foreign_env_of(receiver_);
      if (foreign_env_t<Receiver>::stop_token(asked).stop_requested()) {
        std::move(receiver_).set_stopped();
        return;
      }
    }
    std::move(receiver_).set_value();
  }

  loop& loop_;
  Receiver receiver_;
  queue_node step_;
};

}  // namespace detail

/// A scheduler in the manner of P2300: what follows schedule() runs on the context's thread.
/// Equal to another one of the same context. No operation of it allocates.
class scheduler {
 public:
  using scheduler_concept = detail::scheduler_concept_tag;
  class sender;

  /// Pre: the context outlives what is scheduled on it.
  explicit scheduler(context& where) noexcept : scheduler(detail::loop_of(where)) {}
  explicit scheduler(detail::loop& where) noexcept : where_(&where) {}
  sender schedule() const noexcept;
  friend bool operator==(const scheduler&, const scheduler&) noexcept = default;

 private:
  detail::loop* where_;
};

class [[nodiscard]] scheduler::sender {
 public:
  using value_type = std::monostate;
  using sender_concept = detail::sender_concept_tag;
  using completion_signatures = detail::signatures_of<std::monostate>::type;
  template <template <class...> class Variant, template <class...> class Tuple>
  using value_types = Variant<Tuple<>>;
  template <template <class...> class Variant>
  using error_types = Variant<>;
  static constexpr bool sends_done = true;

  explicit sender(detail::loop& where) noexcept : where_(&where) {}

  template <class Receiver>
  detail::schedule_operation<Receiver> connect(Receiver receiver) const {
    return detail::schedule_operation<Receiver>(*where_, std::move(receiver));
  }

  /// Says where the sender completes.
  class environment {
   public:
    explicit environment(detail::loop& where) noexcept : where_(&where) {}
    scheduler get_completion_scheduler() const noexcept { return scheduler(*where_); }
#if EXECO_HAS_STDEXEC
    scheduler query(stdexec::get_completion_scheduler_t<stdexec::set_value_t>) const noexcept {
      return scheduler(*where_);
    }
#endif

   private:
    detail::loop* where_;
  };
  environment get_env() const noexcept { return environment(*where_); }

 private:
  detail::loop* where_;
};

inline scheduler::sender scheduler::schedule() const noexcept { return sender(*where_); }

}  // namespace execo
