#include "hosts/grid_fold.hpp"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "hosts/hashing.hpp"

namespace execo::detail {

namespace {

// Above these numbers the boxes of the diagram itself are written: correct and in order, though
// perhaps a few more than the merge below would leave.
constexpr std::uint64_t max_merged_tuples = 65536;
constexpr std::size_t max_merged_boxes = 65536;

std::uint64_t hash_of(const key_ranges& ranges) {
  std::uint64_t hash = ranges.size();
  for (const key_range& r : ranges) {
    hash = mix(mix(hash, static_cast<std::uint64_t>(r.lo)), static_cast<std::uint64_t>(r.hi));
  }
  return hash;
}

}  // namespace

side_pool::id side_pool::find(const key_ranges& ranges) const {
  auto [at, end] = by_content_.equal_range(hash_of(ranges));
  for (; at != end; ++at) {
    if (sides_[at->second] == ranges) return at->second;
  }
  return unknown;
}

side_pool::id side_pool::add(const key_ranges& ranges) {
  if (const id known = find(ranges); known != unknown) return known;
  const auto added = static_cast<id>(sides_.size());
  sides_.push_back(ranges);
  sides_.back().shrink_to_fit();
  sizes_.push_back(count(ranges));
  by_content_.emplace(hash_of(ranges), added);
  return added;
}

void side_pool::freeze() {
  constexpr std::size_t long_side = 16;
  by_content_ = {};
  for (id side = 0; side < sides_.size(); ++side) {
    if (sides_[side].size() < long_side) continue;
    std::vector<std::uint64_t>& starts = starts_[side];
    std::uint64_t before = 0;
    for (const key_range& r : sides_[side]) {
      starts.push_back(before);
      before += static_cast<std::uint64_t>(r.hi - r.lo) + 1;
    }
  }
}

index_key side_pool::nth(id side, std::uint64_t n) const noexcept {
  assert(n < size_of(side));
  nth_hint hint;
  if (const auto at = starts_.find(side); at != starts_.end()) {
    const auto after = std::ranges::upper_bound(at->second, n);
    hint = {static_cast<std::size_t>(after - at->second.begin()) - 1, *std::prev(after)};
  }
  return detail::nth(sides_[side], n, hint);
}

namespace {

using side_id = side_pool::id;

// Indexes compared as text: -5 < 10 < 2, as the order of boxes asks for.
bool text_before(index_key a, index_key b) {
  if (a < 0 || b < 0) {
    if (a >= 0 || b >= 0) return a < 0;
    a = key_of(-a, digits_of(-a));
    b = key_of(-b, digits_of(-b));
  }
  const auto width_a = static_cast<std::size_t>(width_of(a));
  const auto width_b = static_cast<std::size_t>(width_of(b));
  const index_key left_a = (a - first_keys[width_a]) * powers_of_ten[max_digits - width_a];
  const index_key left_b = (b - first_keys[width_b]) * powers_of_ten[max_digits - width_b];
  return left_a != left_b ? left_a < left_b : width_a < width_b;
}

// The boxes of the diagram: edges with one child together, level by level.
class box_lister {
 public:
  box_lister(const grid& set, side_pool& pool, std::vector<side_id>& items)
      : set_(set), pool_(pool), items_(items), groups_(set.node_count()) {
    if (set.root() != grid::none) list(set.root());
  }

 private:
  struct group {
    grid::node_id child;
    side_id side;
  };

  const std::vector<group>& groups(grid::node_id node) {
    std::vector<group>& known = groups_[node];
    if (!known.empty()) return known;
    std::vector<std::pair<grid::node_id, key_ranges>> sides;
    std::unordered_map<grid::node_id, std::size_t> place;
    for (const grid::edge& e : set_.edges(node)) {
      const auto [at, added] = place.emplace(e.child, sides.size());
      if (added) sides.emplace_back(e.child, key_ranges{});
      sides[at->second].second.push_back({e.lo, e.hi});
    }
    for (auto& [child, side] : sides) known.push_back({child, pool_.add(side)});
    return known;
  }

  void list(grid::node_id node) {
    const std::size_t size = groups(node).size();
    for (std::size_t i = 0; i < size; ++i) {
      const group g = groups_[node][i];
      path_.push_back(g.side);
      if (g.child == grid::leaf) {
        items_.insert(items_.end(), path_.begin(), path_.end());
      } else {
        list(g.child);
      }
      path_.pop_back();
    }
  }

  const grid& set_;
  side_pool& pool_;
  std::vector<side_id>& items_;
  std::vector<std::vector<group>> groups_;
  std::vector<side_id> path_;
};

// Merges boxes that differ in one dimension, over and over: first with the next box only, then with
// any later box, until nothing changes. Larger boxes come first. The order of the steps decides the
// text, and the text is to be the one ClusterShell's users know.
class box_merger {
 public:
  box_merger(std::size_t dimensions, side_pool& pool, std::vector<side_id>& items)
      : dimensions_(dimensions), pool_(pool), items_(items), order_(items.size() / dimensions) {
    std::iota(order_.begin(), order_.end(), 0U);
  }

  void run() {
    bool full = false;
    for (bool changed = true; changed;) {
      sort();
      changed = full ? full_pass() : easy_pass();
      if (!changed && !full) full = changed = true;
    }
  }

  void sort() {
    std::ranges::sort(order_, [this](std::uint32_t a, std::uint32_t b) { return before(a, b); });
    std::vector<side_id> sorted;
    sorted.reserve(order_.size() * dimensions_);
    for (const std::uint32_t i : order_) {
      const side_id* from = &items_[i * dimensions_];
      sorted.insert(sorted.end(), from, from + dimensions_);
    }
    items_ = std::move(sorted);
    std::iota(order_.begin(), order_.end(), 0U);
  }

 private:
  static constexpr std::size_t no_dimension = static_cast<std::size_t>(-1);

  [[nodiscard]] std::uint64_t volume(std::uint32_t item) const {
    std::uint64_t product = 1;
    for (std::size_t d = 0; d < dimensions_; ++d) {
      product *= pool_.size_of(items_[item * dimensions_ + d]);
    }
    return product;
  }

  [[nodiscard]] bool before(std::uint32_t a, std::uint32_t b) const {
    const std::uint64_t volume_a = volume(a);
    const std::uint64_t volume_b = volume(b);
    if (volume_a != volume_b) return volume_a > volume_b;
    for (std::size_t d = 0; d < dimensions_; ++d) {
      const side_id x = items_[a * dimensions_ + d];
      const side_id y = items_[b * dimensions_ + d];
      if (x == y) continue;
      if (pool_.size_of(x) != pool_.size_of(y)) return pool_.size_of(x) > pool_.size_of(y);
      const key_ranges& in_x = pool_[x];
      const key_ranges& in_y = pool_[y];
      if (in_x.front().lo != in_y.front().lo) return text_before(in_x.front().lo, in_y.front().lo);
      if (in_x.back().hi != in_y.back().hi) return text_before(in_x.back().hi, in_y.back().hi);
    }
    return false;
  }

  // The box that grows. Its side in `grown_` is not in the pool until the box is done: a line of n
  // boxes would leave n sides there.
  void open(std::uint32_t item) {
    const side_id* from = &items_[item * dimensions_];
    sides_.assign(from, from + dimensions_);
    grown_ = no_dimension;
  }

  void close(std::uint32_t item) {
    if (grown_ == no_dimension) return;
    sides_[grown_] = pool_.add(side_);
    std::ranges::copy(sides_, items_.begin() + static_cast<std::ptrdiff_t>(item * dimensions_));
  }

  // Boxes are disjoint: two that differ in one dimension become their union there.
  bool absorb(std::uint32_t item) {
    const side_id* other = &items_[item * dimensions_];
    std::size_t differs = no_dimension;
    for (std::size_t d = 0; d < dimensions_; ++d) {
      if (d == grown_ || sides_[d] == other[d]) continue;
      if (differs != no_dimension) return false;
      differs = d;
    }
    if (grown_ != no_dimension && differs != no_dimension) {
      if (side_ != pool_[other[grown_]]) return false;
      sides_[grown_] = other[grown_];
      grown_ = no_dimension;
    }
    if (grown_ == no_dimension) {
      grown_ = differs;
      side_ = pool_[sides_[differs]];
    }
    side_ = combine(side_, pool_[other[grown_]], set_operation::unite);
    return true;
  }

  bool easy_pass() {
    std::vector<std::uint32_t> kept;
    for (std::uint32_t i = 0; i < order_.size();) {
      open(i);
      std::uint32_t j = i + 1;
      while (j < order_.size() && absorb(j)) ++j;
      close(i);
      kept.push_back(i);
      i = j;
    }
    const bool changed = kept.size() < order_.size();
    order_ = std::move(kept);
    return changed;
  }

  [[nodiscard]] std::uint64_t hash_without(const side_id* sides, std::size_t dimension) const {
    std::uint64_t hash = dimension;
    for (std::size_t d = 0; d < dimensions_; ++d) {
      if (d != dimension) hash = mix(hash, sides[d]);
    }
    return hash;
  }

  using buckets = std::unordered_map<std::uint64_t, std::vector<std::uint32_t>>;

  // The first box after `from` that may be absorbed: only those alike in all but one dimension are
  // looked at, which makes a pass nearly linear where comparing all pairs is quadratic.
  [[nodiscard]] std::uint32_t next_candidate(const std::vector<buckets>& alike,
                                             std::uint32_t from) const {
    std::vector<side_id> sides = sides_;
    side_id known = side_pool::unknown;
    if (grown_ != no_dimension) sides[grown_] = known = pool_.find(side_);
    auto best = static_cast<std::uint32_t>(order_.size());
    for (std::size_t d = 0; d < dimensions_; ++d) {
      if (grown_ != no_dimension && d != grown_ && known == side_pool::unknown) continue;
      const auto bucket = alike[d].find(hash_without(sides.data(), d));
      if (bucket == alike[d].end()) continue;
      const auto next = std::ranges::upper_bound(bucket->second, from);
      if (next != bucket->second.end()) best = std::min(best, *next);
    }
    return best;
  }

  bool full_pass() {
    const auto size = static_cast<std::uint32_t>(order_.size());
    std::vector<buckets> alike(dimensions_);
    for (std::uint32_t i = 0; i < size; ++i) {
      for (std::size_t d = 0; d < dimensions_; ++d) {
        alike[d][hash_without(&items_[i * dimensions_], d)].push_back(i);
      }
    }
    std::vector<bool> gone(size);
    std::vector<std::uint32_t> kept;
    for (std::uint32_t i = 0; i < size; ++i) {
      if (gone[i]) continue;
      open(i);
      for (std::uint32_t j = next_candidate(alike, i); j < size; j = next_candidate(alike, j)) {
        if (!gone[j]) gone[j] = absorb(j);
      }
      close(i);
      kept.push_back(i);
    }
    const bool changed = kept.size() < size;
    order_ = std::move(kept);
    return changed;
  }

  std::size_t dimensions_;
  side_pool& pool_;
  std::vector<side_id>& items_;
  std::vector<std::uint32_t> order_;
  std::vector<side_id> sides_;
  std::size_t grown_ = no_dimension;
  key_ranges side_;
};

}  // namespace

folded_grid::folded_grid(const grid& set) : dimensions_(set.dimensions()) {
  box_lister{set, pool_, items_};
  if (items_.size() > dimensions_) {
    if (set.count() <= max_merged_tuples) {
      items_.clear();
      set.for_each_tuple([this](std::span<const index_key> tuple) {
        for (const index_key key : tuple) items_.push_back(pool_.add({{key, key}}));
      });
    }
    box_merger merger{dimensions_, pool_, items_};
    if (items_.size() / dimensions_ <= max_merged_boxes) {
      merger.run();
    } else {
      merger.sort();
    }
  }
  pool_.freeze();
  items_.shrink_to_fit();
  starts_.reserve(items_.size() / dimensions_ + 1);
  starts_.push_back(0);
  for (std::size_t i = 0; i < items_.size(); i += dimensions_) {
    std::uint64_t volume = 1;
    for (std::size_t d = 0; d < dimensions_; ++d) volume *= pool_.size_of(items_[i + d]);
    starts_.push_back(starts_.back() + volume);
  }
}

std::size_t folded_grid::box_of(std::uint64_t n) const noexcept {
  return static_cast<std::size_t>(std::ranges::upper_bound(starts_, n) - starts_.begin()) - 1;
}

void folded_grid::nth(std::uint64_t n, std::span<index_key> tuple) const noexcept {
  const std::size_t box = box_of(n);
  std::uint64_t rest = n - starts_[box];
  for (std::size_t d = dimensions_; d-- > 0;) {
    const side_id side = items_[box * dimensions_ + d];
    const std::uint64_t size = pool_.size_of(side);
    tuple[d] = pool_.nth(side, rest % size);
    rest /= size;
  }
}

}  // namespace execo::detail
