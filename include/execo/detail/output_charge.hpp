/// output_charge: what the output that a result keeps takes of its context's budget.
#pragma once

#include <cstddef>
#include <utility>

#include "execo/detail/compiler.hpp"

namespace execo::detail {

class byte_budget;

/// Given back when destroyed. Moves with the result; a copy of a result is not charged.
/// Thread: any, one at a time.
class output_charge {
 public:
  output_charge() noexcept = default;
  output_charge(const output_charge&) noexcept {}
  output_charge(output_charge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  output_charge& operator=(const output_charge& other) noexcept {
    if (this != &other) clear();
    return *this;
  }
  output_charge& operator=(output_charge&& other) noexcept {
    if (this == &other) return *this;
    clear();
    budget_ = std::exchange(other.budget_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  ~output_charge() { clear(); }

  /// What is taken comes from there; null: without a limit. Keeps the budget, which may outlive its
  /// context. Pre: it has none.
  void bind(byte_budget* to) noexcept;
  /// Takes `wanted` bytes, or as many as are left, but never less than `least`. Returns how many.
  std::size_t take(std::size_t least, std::size_t wanted) noexcept;
  void give_back(std::size_t bytes) noexcept;
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  void clear() noexcept {
    if (budget_ != nullptr) release();
  }
  void release() noexcept;

  byte_budget* budget_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace execo::detail
