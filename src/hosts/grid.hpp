#pragma once

// A set of index tuples of two or more dimensions, as a decision diagram: a node is a sorted list
// of key ranges of one dimension, each with the node of the tuples' remaining dimensions. Equal
// nodes are one node, neighbours with equal children are one range. So n[0-998/2]c[0-998/2] costs
// 500 ranges twice, not 250,000 tuples, and look-up is one binary search a dimension.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "hosts/key_ranges.hpp"

namespace execo::detail {

using box = std::vector<key_ranges>;  // the product of one set of keys a dimension

class grid {
 public:
  using node_id = std::uint32_t;

  struct edge {
    index_key lo;
    index_key hi;
    node_id child;  // `leaf` in the last dimension
    bool operator==(const edge&) const = default;
  };

  static constexpr node_id leaf = 0xffffffff;
  static constexpr node_id none = 0xfffffffe;

  explicit grid(std::size_t dimensions) : dimensions_(dimensions) {}

  [[nodiscard]] static grid from_box(const box& sides);
  /// From tuples one after the other, in any order, duplicates allowed. They are reordered.
  [[nodiscard]] static grid from_tuples(std::size_t dimensions, std::vector<index_key>& tuples);
  [[nodiscard]] static grid combine(const grid& a, const grid& b, set_operation op);

  [[nodiscard]] std::size_t dimensions() const noexcept { return dimensions_; }
  /// Number of tuples; saturates far above any allowed size.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] bool contains(std::span<const index_key> tuple) const noexcept;

  [[nodiscard]] node_id root() const noexcept { return root_; }
  [[nodiscard]] std::span<const edge> edges(node_id node) const noexcept {
    return std::span(edges_).subspan(begins_[node], begins_[node + 1] - begins_[node]);
  }
  [[nodiscard]] std::size_t node_count() const noexcept { return begins_.size() - 1; }

  /// Calls visit for every tuple, in order of their keys.
  void for_each_tuple(const std::function<void(std::span<const index_key>)>& visit) const;

 private:
  friend class grid_builder;

  std::size_t dimensions_;
  node_id root_ = none;
  std::uint64_t count_ = 0;
  std::vector<edge> edges_;
  std::vector<std::uint32_t> begins_{0};  // node i has edges begins_[i] up to begins_[i + 1]
};

}  // namespace execo::detail
