// One compiled pattern of an expect.
#pragma once

#include <re2/re2.h>

#include <optional>
#include <string_view>

#include "execo/detail/incremental_search.hpp"

namespace execo::detail {

/// RE2, in which the time of a search grows with the length of the text and with nothing else,
/// whatever the text is. Bytes are matched, or characters where the pattern names some beyond
/// ASCII.
class regex {
 public:
  /// Throws: std::invalid_argument naming a pattern that is none, that matches the empty text, or
  /// that has more than max_groups groups.
  explicit regex(std::string_view pattern);

  /// Thread: any.
  bool search(std::string_view text, std::size_t from, text_match& to) const noexcept;
  std::optional<std::size_t> group_named(std::string_view name) const;

 private:
  re2::RE2 compiled_;
  int groups_ = 0;
};

}  // namespace execo::detail
