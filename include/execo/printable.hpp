/// Makes untrusted text safe for a terminal, a log or an error message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace execo {

/// `bytes` as one line of valid UTF-8 that no terminal interprets and no reader splits: control
/// characters become ^[ and the like, DEL ^?, C1 controls and bytes that are not UTF-8 \x9b, line
/// and paragraph separators and marks that change the direction of text \u2028. Tabs stay.
/// Printable text is not changed, so a second call changes nothing.
///
/// Text of more than `max_size` bytes is cut between characters: the beginning is kept, followed by
/// "...".
std::string printable(std::string_view bytes, std::size_t max_size = std::string::npos);

/// The same for text of several lines: LF stays, and so does what matters only within one line.
std::string printable_lines(std::string_view bytes);

/// Whether the bytes are UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates.
bool valid_utf8(std::string_view bytes) noexcept;

/// Each byte that is part of no character becomes U+FFFD.
std::string repaired_utf8(std::string_view bytes);

}  // namespace execo
