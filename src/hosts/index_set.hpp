#pragma once

// The index tuples of one pattern: key ranges in one dimension, a grid in several. What is added is
// kept aside until merge_pending(), so that adding names one by one is cheap.

#include <atomic>
#include <cassert>
#include <memory>
#include <span>
#include <vector>

#include "hosts/grid.hpp"
#include "hosts/grid_fold.hpp"

namespace execo::detail {

class index_set {
 public:
  explicit index_set(std::size_t dimensions);
  index_set(const index_set& other);
  index_set& operator=(const index_set&) = delete;
  ~index_set();

  [[nodiscard]] std::size_t dimensions() const noexcept { return dimensions_; }

  void add(std::span<const index_key> tuple);
  void add(box sides);
  void merge_pending();

  // All that follows needs a merged set.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] bool contains(std::span<const index_key> tuple) const noexcept;
  [[nodiscard]] bool equals(const index_set& other) const;
  void apply(const index_set& other, set_operation op);
  /// Pre: one dimension.
  [[nodiscard]] const key_ranges& line() const noexcept {
    assert(dimensions_ == 1);
    return line_;
  }
  /// Made on first need, from any thread. Pre: several dimensions.
  [[nodiscard]] const folded_grid& folded() const;

 private:
  void settle_line();
  void settle_cells();
  void changed() noexcept;
  void forget_folded() noexcept;

  std::size_t dimensions_;
  key_ranges line_;
  std::uint64_t count_ = 0;
  std::unique_ptr<grid> cells_;
  std::vector<index_key> new_tuples_;
  std::vector<box> new_boxes_;
  mutable std::atomic<const folded_grid*> folded_{nullptr};
};

}  // namespace execo::detail
