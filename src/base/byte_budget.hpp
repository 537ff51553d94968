// A number of bytes that several threads divide between them.
#pragma once

#include <atomic>
#include <cstddef>

#include "base/intrusive_ptr.hpp"

namespace execo::detail {

/// Thread: any.
class byte_budget final : public ref_counted {
 public:
  explicit byte_budget(std::size_t limit) noexcept : limit_(limit) {}

  /// Takes `wanted` bytes, or as many as are left, but never less than `least`, also beyond the
  /// limit. Returns how many. Pre: `least` is not more than `wanted`.
  std::size_t take(std::size_t least, std::size_t wanted) noexcept;
  void give_back(std::size_t bytes) noexcept;

  std::size_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  std::size_t limit() const noexcept { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace execo::detail
