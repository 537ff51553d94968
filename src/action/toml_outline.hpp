// Checks of a TOML text that the parser does not make.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace execo::detail {

struct outline_error {
  std::size_t line;
  const char* what;
};

/// Finds a table's header without a name (`[=`), which toml++ 3.3 does not detect, and characters
/// beyond ASCII outside of quotes and comments, where its tables have gaps: TOML allows neither.
/// Returns the first such place. All other errors are left to the parser, which stops there.
std::optional<outline_error> find_outline_error(std::string_view text);

}  // namespace execo::detail
