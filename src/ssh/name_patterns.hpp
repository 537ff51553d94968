// Patterns of names, as the files of ssh write them: * for any characters, ? for one.
#pragma once

#include <string>
#include <string_view>

namespace execo::detail {

/// ASCII letters alone.
std::string lower_case(std::string_view text);

/// A list between commas: one of the patterns matches, and none of those that begin with !.
bool matches_pattern_list(std::string_view name, std::string_view patterns);

}  // namespace execo::detail
