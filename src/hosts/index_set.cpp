#include "hosts/index_set.hpp"

#include <algorithm>
#include <cassert>

namespace execo::detail {

index_set::index_set(std::size_t dimensions) : dimensions_(dimensions) {
  if (dimensions > 1) cells_ = std::make_unique<grid>(dimensions);
}

index_set::index_set(const index_set& other)
    : dimensions_(other.dimensions_),
      line_(other.line_),
      count_(other.count_),
      cells_(other.cells_ ? std::make_unique<grid>(*other.cells_) : nullptr),
      new_tuples_(other.new_tuples_),
      new_boxes_(other.new_boxes_) {}

index_set::~index_set() { forget_folded(); }

void index_set::forget_folded() noexcept { delete folded_.exchange(nullptr); }

void index_set::add(std::span<const index_key> tuple) {
  if (dimensions_ == 1 && (line_.empty() || line_.back().hi < tuple[0]) && new_tuples_.empty()) {
    // Names mostly come in order.
    if (!line_.empty() && line_.back().hi + 1 == tuple[0]) {
      line_.back().hi = tuple[0];
    } else {
      line_.push_back({tuple[0], tuple[0]});
    }
    ++count_;
    return;
  }
  new_tuples_.insert(new_tuples_.end(), tuple.begin(), tuple.end());
}

void index_set::add(box sides) { new_boxes_.push_back(std::move(sides)); }

void index_set::merge_pending() {
  if (new_tuples_.empty() && new_boxes_.empty()) return;
  if (dimensions_ == 1) {
    settle_line();
  } else {
    settle_cells();
  }
  new_tuples_ = std::vector<index_key>();
  new_boxes_ = std::vector<box>();
  changed();
}

void index_set::changed() noexcept {
  count_ = dimensions_ == 1 ? detail::count(line_) : cells_->count();
  forget_folded();
}

void index_set::settle_line() {
  key_ranges added;
  added.reserve(new_tuples_.size() + new_boxes_.size());
  for (const index_key key : new_tuples_) added.push_back({key, key});
  for (const box& sides : new_boxes_) {
    added.insert(added.end(), sides[0].begin(), sides[0].end());
  }
  normalize(added);
  line_ = line_.empty() ? std::move(added) : combine(line_, added, set_operation::unite);
}

void index_set::settle_cells() {
  std::vector<grid> parts;
  parts.push_back(std::move(*cells_));
  if (!new_tuples_.empty()) parts.push_back(grid::from_tuples(dimensions_, new_tuples_));
  new_tuples_ = std::vector<index_key>();
  for (const box& sides : new_boxes_) parts.push_back(grid::from_box(sides));
  // Halving the list keeps the work near n log n however many boxes there are.
  while (parts.size() > 1) {
    std::vector<grid> halves;
    for (std::size_t i = 0; i + 1 < parts.size(); i += 2) {
      halves.push_back(grid::combine(parts[i], parts[i + 1], set_operation::unite));
    }
    if (parts.size() % 2 == 1) halves.push_back(std::move(parts.back()));
    parts = std::move(halves);
  }
  *cells_ = std::move(parts.front());
}

bool index_set::contains(std::span<const index_key> tuple) const noexcept {
  return dimensions_ == 1 ? detail::contains(line_, tuple[0]) : cells_->contains(tuple);
}

bool index_set::equals(const index_set& other) const {
  if (dimensions_ == 1) return line_ == other.line_;
  return cells_->count() == other.cells_->count() &&
         grid::combine(*cells_, *other.cells_, set_operation::subtract).count() == 0;
}

void index_set::apply(const index_set& other, set_operation op) {
  if (dimensions_ == 1) {
    line_ = combine(line_, other.line_, op);
  } else {
    *cells_ = grid::combine(*cells_, *other.cells_, op);
  }
  changed();
}

const folded_grid& index_set::folded() const {
  assert(dimensions_ > 1);
  if (const folded_grid* known = folded_.load(std::memory_order_acquire)) return *known;
  auto made = std::make_unique<folded_grid>(*cells_);
  const folded_grid* expected = nullptr;
  // Two threads may both have made one: the first is kept.
  if (folded_.compare_exchange_strong(expected, made.get(), std::memory_order_acq_rel)) {
    return *made.release();
  }
  return *expected;
}

}  // namespace execo::detail
