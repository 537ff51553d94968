// What the TOML parser does not look at by itself.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace execo::detail {

struct outline_error {
  std::size_t line;
  const char* what;
};

/// A table's header without a name (`[=`), which toml++ 3.3 does not look for, and characters
/// beyond ASCII outside of quotes and comments, where its tables have gaps: TOML has neither. Gives
/// the first such place; what is broken in other ways is left to the parser, which stops there.
std::optional<outline_error> find_outline_error(std::string_view text);

}  // namespace execo::detail
