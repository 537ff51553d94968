// Words of a POSIX shell: splitting without expansion, and quoting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

/// Splits as a POSIX shell does (XCU 2.2, 2.3): blanks, '...', "...", backslash. Nothing is
/// expanded. Throws: std::invalid_argument for a quote that is not closed.
std::vector<std::string> split_words(std::string_view text);

/// The word so that any POSIX shell reads it back as it is; left alone when it needs no quotes.
std::string quote_word(std::string_view word);

/// The words quoted and joined by spaces.
std::string join_quoted(const std::vector<std::string>& words);

}  // namespace execo::detail
