// Two sorted lists of ranges of keys, taken together piece by piece.
#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "hosts/index_key.hpp"

namespace execo::detail {

/// Calls visit(lo, hi, of_a, of_b) for each interval between consecutive bounds of `a` and `b` that
/// lies in a range of either, in order: with that range, or null. A range has a `lo` and a `hi`,
/// which is inclusive.
template <class Range, class Visit>
void for_each_elementary_interval(std::span<const Range> a, std::span<const Range> b,
                                  Visit&& visit) {
  constexpr auto last = std::numeric_limits<index_key>::max();
  std::size_t i = 0;
  std::size_t j = 0;
  index_key at = std::numeric_limits<index_key>::min();
  while (i < a.size() || j < b.size()) {
    const Range* of_a = i < a.size() && a[i].lo <= at ? &a[i] : nullptr;
    const Range* of_b = j < b.size() && b[j].lo <= at ? &b[j] : nullptr;
    index_key next = last;  // first key after the interval that begins at `at`
    if (i < a.size()) next = std::min(next, of_a != nullptr ? a[i].hi + 1 : a[i].lo);
    if (j < b.size()) next = std::min(next, of_b != nullptr ? b[j].hi + 1 : b[j].lo);
    if (of_a != nullptr || of_b != nullptr) visit(at, next - 1, of_a, of_b);
    at = next;
    if (of_a != nullptr && of_a->hi < at) ++i;
    if (of_b != nullptr && of_b->hi < at) ++j;
  }
}

}  // namespace execo::detail
