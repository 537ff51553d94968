// The awaiter of a port forward that is to listen.
#pragma once

#include "execo/detail/end_observer.hpp"
#include "execo/detail/operation.hpp"
#include "execo/detail/process_ops.hpp"

namespace execo {

class forward_start;

namespace detail {

/// Notified on the loop of the forward.
class forward_waiter : public list_node {
 public:
  explicit forward_waiter(delegate<> on_listening) noexcept : listening(on_listening) {}
  const delegate<> listening;
};

class [[nodiscard]] forward_ready_op final : public operation, private end_observer {
 public:
  explicit forward_ready_op(process_ref state) noexcept;
  forward_ready_op(forward_ready_op&& other) noexcept;

  /// Throws: operation_cancelled if the wait was abandoned.
  forward_start await_resume() const;

 private:
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  bool cancelled() const noexcept override { return abandoned_; }
  const char* what() const noexcept override { return "a port forward that is to listen"; }
  void on_end(execution& run) noexcept override;
  void on_listening() noexcept;

  process_ref state_;
  forward_waiter waiter_;
  bool abandoned_ = false;
};

}  // namespace detail
}  // namespace execo
