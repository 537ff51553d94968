#pragma once

// A set of index keys as sorted, disjoint, non-adjacent intervals. The form is canonical: equal
// sets have equal vectors.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hosts/index_key.hpp"

namespace execo::detail {

struct key_range {
  index_key lo;
  index_key hi;  // inclusive
  bool operator==(const key_range&) const = default;
};

using key_ranges = std::vector<key_range>;

enum class set_operation { unite, subtract, intersect, exclusive };

/// Sorts and joins what overlaps or touches.
void normalize(key_ranges& ranges);

[[nodiscard]] key_ranges combine(const key_ranges& a, const key_ranges& b, set_operation op);

[[nodiscard]] bool contains(const key_ranges& ranges, index_key key) noexcept;
[[nodiscard]] std::uint64_t count(const key_ranges& ranges) noexcept;
/// The n-th key. `hint` is the interval and the number of keys before it where a look-up ended; it
/// makes iterating over all keys linear. Pre: n < count(ranges).
struct nth_hint {
  std::size_t range = 0;
  std::uint64_t before = 0;
};
[[nodiscard]] index_key nth(const key_ranges& ranges, std::uint64_t n, nth_hint& hint) noexcept;

/// Calls visit(lo, hi) for each maximal run of consecutive indexes written alike: all unpadded, or
/// all padded to one width. Numbers grow by one within a run.
void for_each_run(const key_ranges& ranges, const std::function<void(key_range)>& visit);

/// The text between brackets: 1-3,07,10-20/2. Steps are written where `autostep` (if not 0) allows.
void append_folded(std::string& out, const key_ranges& ranges, std::size_t autostep);

}  // namespace execo::detail
