#pragma once

// Reads the text between brackets: 1-3,07-12,20-40/5.

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include "hosts/key_ranges.hpp"

namespace execo::detail {

/// A range that cannot be read, before it is known which text it is in.
class range_error : public std::runtime_error {
 public:
  range_error(const std::string& what, std::string part, std::size_t offset)
      : std::runtime_error(what), part(std::move(part)), offset(offset) {}
  std::string part;    // the subrange
  std::size_t offset;  // in the text given to read_ranges
};

/// Stepped ranges are kept index by index: this bounds the memory that one text can ask for.
inline constexpr std::uint64_t max_stepped = 8'000'000;

/// Reads the ranges. `trailing` are digits that follow the bracket: they belong to every index.
/// `stepped` is how many more indexes may come from stepped ranges; it is counted down.
[[nodiscard]] key_ranges read_ranges(std::string_view text, std::string_view trailing,
                                     std::uint64_t& stepped);

/// Puts the digits before the bracket in front of every index.
[[nodiscard]] key_ranges put_before(std::string_view digits, const key_ranges& ranges);

}  // namespace execo::detail
