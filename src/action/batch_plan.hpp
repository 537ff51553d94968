// Which hosts of a rollout are in which batch, and how many of them may fail.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "execo/rollout.hpp"

namespace execo::detail {

/// What the caller asked for.
class batch_options {
 public:
  batch_options() = default;
  host_share canary = 0;
  std::optional<host_share> size;
  std::optional<host_share> max_fail;
  std::optional<host_share> max_fail_in_batch;
};

/// Batches are numbered from 0.
class batch_plan {
 public:
  batch_plan() = default;
  batch_plan(const batch_options& asked, std::size_t hosts) : hosts_(hosts) {
    const std::size_t at_most = std::max<std::size_t>(hosts, 1);
    canary_ = std::min(asked.canary.of(hosts), hosts);
    size_ = std::clamp<std::size_t>(asked.size ? asked.size->of(hosts) : hosts, 1, at_most);
    if (asked.max_fail) {
      max_fail_ = asked.max_fail->of(hosts);
    } else if (!asked.max_fail_in_batch) {
      max_fail_ = 0;
    }
    in_batch_ = asked.max_fail_in_batch;
  }

  std::size_t count() const noexcept {
    return (canary_ > 0 ? 1 : 0) + (hosts_ - canary_ + size_ - 1) / size_;
  }
  std::size_t batch_of(std::size_t position) const noexcept {
    if (canary_ == 0) return position / size_;
    return position < canary_ ? 0 : 1 + (position - canary_) / size_;
  }
  /// The position behind its last host.
  std::size_t end_of(std::size_t batch) const noexcept {
    const std::size_t whole = canary_ > 0 ? batch : batch + 1;
    return whole > (hosts_ - canary_) / size_ ? hosts_ : canary_ + whole * size_;
  }
  std::size_t size_of(std::size_t batch) const noexcept {
    return end_of(batch) - (batch == 0 ? 0 : end_of(batch - 1));
  }
  std::size_t max_fail() const noexcept { return max_fail_; }
  std::size_t max_fail_in(std::size_t batch) const noexcept {
    return in_batch_ ? in_batch_->of(size_of(batch)) : hosts_;
  }

 private:
  std::size_t hosts_ = 0;
  std::size_t canary_ = 0;
  std::size_t size_ = 1;
  std::size_t max_fail_ = static_cast<std::size_t>(-1);
  std::optional<host_share> in_batch_;
};

}  // namespace execo::detail
