// How far a copy is, for all its hosts together.
#pragma once

#include <atomic>
#include <cstdint>

namespace execo::detail {

/// Written by the loops of the hosts, read by any thread.
class copy_counts {
 public:
  void expect(std::uint64_t bytes) noexcept { expected_.fetch_add(bytes, order); }
  /// They are expected once more, by another try.
  void expect_less(std::uint64_t bytes) noexcept { expected_.fetch_sub(bytes, order); }
  void moved(std::uint64_t bytes) noexcept { moved_.fetch_add(bytes, order); }
  /// They need not be sent: they are there.
  void skipped(std::uint64_t bytes) noexcept { skipped_.fetch_add(bytes, order); }
  void files(std::uint64_t count) noexcept { files_.fetch_add(count, order); }

  std::uint64_t expected() const noexcept { return expected_.load(order); }
  std::uint64_t moved() const noexcept { return moved_.load(order); }
  std::uint64_t skipped() const noexcept { return skipped_.load(order); }
  std::uint64_t files() const noexcept { return files_.load(order); }

 private:
  static constexpr auto order = std::memory_order_relaxed;
  std::atomic<std::uint64_t> expected_{0};
  std::atomic<std::uint64_t> moved_{0};
  std::atomic<std::uint64_t> skipped_{0};
  std::atomic<std::uint64_t> files_{0};
};

}  // namespace execo::detail
