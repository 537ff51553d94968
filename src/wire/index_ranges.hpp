// Sets of hosts by their indices, as sorted ranges. Every operation takes time and memory of the
// number of ranges, never of the number of hosts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "wire/codec.hpp"

namespace execo::detail {

/// Indices first to last, both included.
class index_range {
 public:
  index_range() = default;
  constexpr index_range(std::uint32_t first_, std::uint32_t last_) noexcept
      : first(first_), last(last_) {}
  friend bool operator==(const index_range&, const index_range&) = default;

  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

class index_ranges {
 public:
  /// The highest index: the number above it means no host.
  static constexpr std::uint32_t highest = 0xffff'fffe;

  index_ranges() = default;
  /// Pre: not above `highest`.
  explicit index_ranges(std::uint32_t index) { append(index, index); }
  /// Pre: first <= last <= highest.
  index_ranges(std::uint32_t first, std::uint32_t last) { append(first, last); }

  bool empty() const noexcept { return ranges_.empty(); }
  /// How many indices.
  std::uint64_t count() const noexcept;
  bool contains(std::uint32_t index) const noexcept;
  bool contains(const index_ranges& others) const noexcept;
  bool intersects(const index_ranges& others) const noexcept;
  /// Sorted; between two there is at least one index that is missing.
  const std::vector<index_range>& ranges() const noexcept { return ranges_; }
  /// Pre: !empty().
  std::uint32_t front() const noexcept { return ranges_.front().first; }
  /// The only one, if there is only one.
  std::optional<std::uint32_t> single() const noexcept;
  /// Calls `each(index)` in order.
  template <class Each>
  void for_each(Each each) const {
    for (index_range r : ranges_)
      for (std::uint32_t i = r.first; i <= r.last; ++i) each(i);
  }

  /// In constant time. Pre: all of it is above what is there, and not above `highest`.
  void append(std::uint32_t first, std::uint32_t last);
  void insert(std::uint32_t index);
  void erase(std::uint32_t index);
  void clear() noexcept { ranges_.clear(); }

  index_ranges& operator|=(const index_ranges& others);
  index_ranges& operator&=(const index_ranges& others);
  index_ranges& operator-=(const index_ranges& others);
  friend index_ranges operator|(index_ranges a, const index_ranges& b) { return a |= b; }
  friend index_ranges operator&(index_ranges a, const index_ranges& b) { return a &= b; }
  friend index_ranges operator-(index_ranges a, const index_ranges& b) { return a -= b; }
  friend bool operator==(const index_ranges&, const index_ranges&) = default;

  /// Takes the `count` lowest out of this set, or all.
  index_ranges take_front(std::uint64_t count);
  /// The set in parts whose encodings take at most `bytes` each, in order. Pre: bytes >= 16.
  std::vector<index_ranges> pieces(std::size_t bytes) const;

  /// Varints: the number of ranges, then of each the gap before it and its length, less what they
  /// are at least.
  void encode(wire_writer& into) const;
  /// Replaces this set. Fails the reader, with an empty set, unless it is one in that form.
  void decode(wire_reader& from);
  std::size_t encoded_size() const noexcept;

 private:
  std::vector<index_range> ranges_;
};

}  // namespace execo::detail
