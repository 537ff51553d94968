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

  /// Throws: operation_cancelled.
  int await_resume() const;

 private:
  friend struct signal_wait;
  loop& bind(loop* affinity) override;
  void on_start(bool stopped) noexcept override;
  void on_stop() noexcept override;
  const char* what() const noexcept override { return "a signal"; }

  int descriptor_;
  int number_ = 0;
  std::unique_ptr<signal_wait> wait_;
};

}  // namespace execo::detail
