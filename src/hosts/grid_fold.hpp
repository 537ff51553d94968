#pragma once

// A grid as a list of disjoint boxes, in the order they are written and gone through.

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "hosts/grid.hpp"

namespace execo::detail {

// Each distinct set of keys once.
class side_pool {
 public:
  using id = std::uint32_t;
  static constexpr id unknown = 0xffffffff;

  id add(const key_ranges& ranges);
  [[nodiscard]] id find(const key_ranges& ranges) const;
  [[nodiscard]] const key_ranges& operator[](id side) const noexcept { return sides_[side]; }
  [[nodiscard]] std::uint64_t size_of(id side) const noexcept { return sizes_[side]; }
  /// Pre: n < size_of(side).
  [[nodiscard]] index_key nth(id side, std::uint64_t n) const noexcept;
  /// No more sides are added: look-up by content ends, look-up by position becomes fast.
  void freeze();

 private:
  std::vector<key_ranges> sides_;
  std::vector<std::uint64_t> sizes_;
  std::unordered_map<id, std::vector<std::uint64_t>>
      starts_;  // of long sides: keys before each range
  std::unordered_multimap<std::uint64_t, id> by_content_;
};

class folded_grid {
 public:
  explicit folded_grid(const grid& set);

  [[nodiscard]] std::size_t dimensions() const noexcept { return dimensions_; }
  [[nodiscard]] std::size_t boxes() const noexcept { return starts_.size() - 1; }
  [[nodiscard]] const key_ranges& side(std::size_t box, std::size_t dimension) const noexcept {
    return pool_[items_[box * dimensions_ + dimension]];
  }
  /// Number of tuples in the boxes before this one.
  [[nodiscard]] std::uint64_t start(std::size_t box) const noexcept { return starts_[box]; }
  /// The box that holds the n-th tuple.
  [[nodiscard]] std::size_t box_of(std::uint64_t n) const noexcept;
  /// The n-th tuple; within a box the last dimension changes fastest.
  void nth(std::uint64_t n, std::span<index_key> tuple) const noexcept;

 private:
  std::size_t dimensions_;
  side_pool pool_;
  std::vector<side_pool::id> items_;  // `dimensions_` ids a box
  std::vector<std::uint64_t> starts_;
};

}  // namespace execo::detail
