#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <execo/host_set.hpp>

#include "execo/detail/compiler.hpp"

namespace execo {

/// A set of indexes without names: `1-3,07-12,20-40/5`, as between the brackets of a host_set.
/// Indexes are text: 1, 01 and 001 are three indexes.
class range_set {
 public:
  range_set() noexcept = default;
  /// Reads ranges.
  ///
  /// Throws: host_set_error.
  range_set(std::string_view text);
  range_set(const char* text) : range_set(std::string_view{text}) {}
  range_set(const std::string& text) : range_set(std::string_view{text}) {}

  [[nodiscard]] std::size_t size() const noexcept { return hosts_.size(); }
  [[nodiscard]] bool empty() const noexcept { return hosts_.empty(); }
  [[nodiscard]] bool contains(const range_set& other) const {
    return hosts_.contains(other.hosts_);
  }
  /// The indexes as text, in order.
  [[nodiscard]] std::vector<std::string> expand() const;
  /// The indexes as numbers, ascending; negative ones are left out. Positions for host_set::at.
  [[nodiscard]] std::vector<std::size_t> numbers() const;

  [[nodiscard]] std::string to_string() const { return to_string(fold_style{}); }
  [[nodiscard]] std::string to_string(const fold_style& style) const;

  [[nodiscard]] range_set at(const std::vector<std::size_t>& positions) const {
    return range_set{hosts_.at(positions)};
  }
  /// See host_set::split.
  [[nodiscard]] std::vector<range_set> split(std::size_t parts) const;
  /// See host_set::contiguous.
  [[nodiscard]] std::vector<range_set> contiguous() const;

  range_set& operator|=(const range_set& other) { return hosts_ |= other.hosts_, *this; }
  range_set& operator-=(const range_set& other) { return hosts_ -= other.hosts_, *this; }
  range_set& operator&=(const range_set& other) { return hosts_ &= other.hosts_, *this; }
  range_set& operator^=(const range_set& other) { return hosts_ ^= other.hosts_, *this; }

  friend range_set operator|(range_set a, const range_set& b) { return a |= b; }
  friend range_set operator-(range_set a, const range_set& b) { return a -= b; }
  friend range_set operator&(range_set a, const range_set& b) { return a &= b; }
  friend range_set operator^(range_set a, const range_set& b) { return a ^= b; }
  friend bool operator==(const range_set& a, const range_set& b) { return a.hosts_ == b.hosts_; }

 private:
  explicit range_set(host_set hosts) noexcept : hosts_(std::move(hosts)) {}

  host_set hosts_;  // of names that are nothing but an index
};

static_assert(!std::is_aggregate_v<range_set>);

}  // namespace execo
