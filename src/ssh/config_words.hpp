// The words of a line of ssh_config(5). There are two ways to read them: a keyword and the criteria
// of Match know only double quotes and take a `=` for a blank; values are split as a shell would.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

inline constexpr std::string_view config_blanks = " \t\r\n";

/// Removes the first word, and the blanks and the one `=` behind it. Empty: none is left, or a
/// quote has no end.
std::string take_config_word(std::string_view& rest);

/// Words with '...', "..." and \ before a quote, a backslash or a blank; # at the beginning of a
/// word begins a comment. nullopt: a quote has no end.
std::optional<std::vector<std::string>> split_config_words(std::string_view text);

}  // namespace execo::detail
