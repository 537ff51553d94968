#include "hosts/grid.hpp"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "hosts/elementary_intervals.hpp"
#include "hosts/hashing.hpp"

namespace execo::detail {

namespace {

constexpr std::uint64_t many = std::numeric_limits<std::uint64_t>::max() / 4;

std::uint64_t saturating_product(std::uint64_t a, std::uint64_t b) {
  return a != 0 && b > many / a ? many : a * b;
}

}  // namespace

// Makes the nodes of one grid, each once: a node is looked up by its content before it is added.
class grid_builder {
 public:
  explicit grid_builder(std::size_t dimensions) : result_(dimensions) {}

  grid::node_id add(const std::vector<grid::edge>& edges) {
    if (edges.empty()) return grid::none;
    std::uint64_t hash = edges.size();
    for (const grid::edge& e : edges) {
      hash = mix(mix(hash, static_cast<std::uint64_t>(e.lo)), static_cast<std::uint64_t>(e.hi));
      hash = mix(hash, e.child);
    }
    auto [at, end] = by_content_.equal_range(hash);
    for (; at != end; ++at) {
      if (std::ranges::equal(result_.edges(at->second), edges)) return at->second;
    }
    const auto id = static_cast<grid::node_id>(result_.node_count());
    result_.edges_.insert(result_.edges_.end(), edges.begin(), edges.end());
    result_.begins_.push_back(static_cast<std::uint32_t>(result_.edges_.size()));
    by_content_.emplace(hash, id);
    return id;
  }

  static void append(std::vector<grid::edge>& edges, grid::edge next) {
    if (next.child == grid::none) return;
    if (!edges.empty() && edges.back().child == next.child && edges.back().hi + 1 == next.lo) {
      edges.back().hi = next.hi;
    } else {
      edges.push_back(next);
    }
  }

  // The node of the other grid, copied. Memo: one entry a node of that grid.
  grid::node_id import(const grid& from, grid::node_id node, std::vector<grid::node_id>& memo) {
    if (node == grid::leaf || node == grid::none) return node;
    if (memo.empty()) memo.assign(from.node_count(), grid::none);
    if (memo[node] != grid::none) return memo[node];
    std::vector<grid::edge> edges;
    for (const grid::edge& e : from.edges(node)) {
      append(edges, {e.lo, e.hi, import(from, e.child, memo)});
    }
    return memo[node] = add(edges);
  }

  grid finish(grid::node_id root) {
    result_.root_ = root;
    // A child is always added before its parent, so one pass in order counts all.
    std::vector<std::uint64_t> counts(result_.node_count());
    for (grid::node_id node = 0; node < counts.size(); ++node) {
      for (const grid::edge& e : result_.edges(node)) {
        const auto below = e.child == grid::leaf ? 1 : counts[e.child];
        const auto here = static_cast<std::uint64_t>(e.hi - e.lo) + 1;
        counts[node] = std::min(many, counts[node] + saturating_product(here, below));
      }
    }
    result_.count_ = root == grid::none ? 0 : counts[root];
    result_.edges_.shrink_to_fit();
    result_.begins_.shrink_to_fit();
    return std::move(result_);
  }

 private:
  grid result_;
  std::unordered_multimap<std::uint64_t, grid::node_id> by_content_;
};

grid grid::from_box(const box& sides) {
  grid_builder builder{sides.size()};
  node_id below = leaf;
  for (std::size_t i = sides.size(); i-- > 0;) {
    std::vector<edge> edges;
    for (const key_range& range : sides[i]) {
      grid_builder::append(edges, {range.lo, range.hi, below});
    }
    below = builder.add(edges);
  }
  return builder.finish(below);
}

namespace {

// The node of the tuples [first, last) without their first `depth` keys. Pre: sorted, distinct.
grid::node_id build(grid_builder& builder, const std::vector<index_key>& tuples,
                    const std::vector<std::uint32_t>& order, std::size_t dimensions,
                    std::size_t first, std::size_t last, std::size_t depth) {
  const auto key = [&](std::size_t i) { return tuples[order[i] * dimensions + depth]; };
  std::vector<grid::edge> edges;
  for (std::size_t i = first; i < last;) {
    std::size_t j = i + 1;
    while (j < last && key(j) == key(i)) ++j;
    const auto child = depth + 1 == dimensions
                           ? grid::leaf
                           : build(builder, tuples, order, dimensions, i, j, depth + 1);
    grid_builder::append(edges, {key(i), key(i), child});
    i = j;
  }
  return builder.add(edges);
}

}  // namespace

grid grid::from_tuples(std::size_t dimensions, std::vector<index_key>& tuples) {
  std::vector<std::uint32_t> order(tuples.size() / dimensions);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  const auto tuple = [&](std::uint32_t i) {
    return std::span(tuples).subspan(i * dimensions, dimensions);
  };
  const auto before = [&](std::uint32_t a, std::uint32_t b) {
    return std::ranges::lexicographical_compare(tuple(a), tuple(b));
  };
  if (!std::ranges::is_sorted(order, before)) std::ranges::sort(order, before);
  const auto same = [&](std::uint32_t a, std::uint32_t b) {
    return std::ranges::equal(tuple(a), tuple(b));
  };
  order.erase(std::unique(order.begin(), order.end(), same), order.end());
  grid_builder builder{dimensions};
  return builder.finish(build(builder, tuples, order, dimensions, 0, order.size(), 0));
}

namespace {

class grid_combiner {
 public:
  grid_combiner(const grid& a, const grid& b, set_operation op)
      : a_(a), b_(b), op_(op), builder_(a.dimensions()) {}

  grid run() { return builder_.finish(node(a_.root(), b_.root())); }

 private:
  using node_id = grid::node_id;

  node_id node(node_id a, node_id b) {
    if (a == grid::none && b == grid::none) return grid::none;
    if (b == grid::none) {
      return op_ == set_operation::intersect ? grid::none : builder_.import(a_, a, from_a_);
    }
    if (a == grid::none) {
      const bool taken = op_ == set_operation::unite || op_ == set_operation::exclusive;
      return taken ? builder_.import(b_, b, from_b_) : grid::none;
    }
    if (a == grid::leaf) {
      const bool taken = op_ == set_operation::unite || op_ == set_operation::intersect;
      return taken ? grid::leaf : grid::none;
    }
    const std::uint64_t key = (std::uint64_t{a} << 32) | b;
    if (const auto known = memo_.find(key); known != memo_.end()) return known->second;
    const node_id result = merge(a_.edges(a), b_.edges(b));
    memo_.emplace(key, result);
    return result;
  }

  node_id merge(std::span<const grid::edge> a, std::span<const grid::edge> b) {
    std::vector<grid::edge> edges;
    for_each_elementary_interval<grid::edge>(
        a, b, [&](index_key lo, index_key hi, const grid::edge* of_a, const grid::edge* of_b) {
          const node_id child = node(of_a != nullptr ? of_a->child : grid::none,
                                     of_b != nullptr ? of_b->child : grid::none);
          grid_builder::append(edges, {lo, hi, child});
        });
    return builder_.add(edges);
  }

  const grid& a_;
  const grid& b_;
  set_operation op_;
  grid_builder builder_;
  std::vector<node_id> from_a_;
  std::vector<node_id> from_b_;
  std::unordered_map<std::uint64_t, node_id> memo_;
};

void visit_tuples(const grid& set, grid::node_id node, std::vector<index_key>& tuple,
                  const std::function<void(std::span<const index_key>)>& visit) {
  for (const grid::edge& e : set.edges(node)) {
    for (index_key key = e.lo; key <= e.hi; ++key) {
      tuple.push_back(key);
      if (e.child == grid::leaf) {
        visit(tuple);
      } else {
        visit_tuples(set, e.child, tuple, visit);
      }
      tuple.pop_back();
    }
  }
}

}  // namespace

grid grid::combine(const grid& a, const grid& b, set_operation op) {
  return grid_combiner{a, b, op}.run();
}

bool grid::contains(std::span<const index_key> tuple) const noexcept {
  node_id node = root_;
  for (const index_key key : tuple) {
    if (node == none) return false;
    const auto list = edges(node);
    const auto after = std::ranges::upper_bound(list, key, {}, &edge::lo);
    if (after == list.begin() || std::prev(after)->hi < key) return false;
    node = std::prev(after)->child;
  }
  return node == leaf;
}

void grid::for_each_tuple(const std::function<void(std::span<const index_key>)>& visit) const {
  std::vector<index_key> tuple;
  if (root_ != none) visit_tuples(*this, root_, tuple, visit);
}

}  // namespace execo::detail
