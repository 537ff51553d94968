// The awaiter of signals::next().
#pragma once

#include <memory>

#include "execo/detail/operation.hpp"

namespace execo::detail {

struct signal_wait;

class [[nodiscard]] signal_op final : public operation {
 public:
  explicit signal_op(int descriptor) noexcept;
  /// Pre: not awaited yet.
  signal_op(signal_op&& other) noexcept;
  ~signal_op() override;

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> awaiting) {
    env where = env_of(awaiting);
    choose_loop(where);
    operation::await_suspend(awaiting);
  }
  /// Throws: operation_cancelled.
  int await_resume() const;

 private:
  friend struct signal_wait;
  void choose_loop(env where);
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  const char* what() const noexcept override { return "a signal"; }

  int descriptor_;
  int number_ = 0;
  std::unique_ptr<signal_wait> wait_;
};

}  // namespace execo::detail
