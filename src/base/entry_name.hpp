// The names that a directory can have entries by.
#pragma once

#include <string_view>

namespace execo::detail {

/// Whether it is one name, which leads to no other directory: neither empty nor "." nor "..",
/// without
/// '/' and NUL.
inline bool is_entry_name(std::string_view name) noexcept {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

}  // namespace execo::detail
