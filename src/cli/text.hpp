// Bytes as lines, and as text for JSON.
#pragma once

#include <string>
#include <string_view>

namespace execo::cli {

/// Escapes characters that are valid in JSON but break lines for some readers: DEL, the C1
/// controls, among them NEL (U+0085), and the separators U+2028 and U+2029.
std::string escape_breaks(std::string_view json);

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Calls `each` with every line of `text`, without LF or CR LF. Text after the last LF is a line,
/// too.
template <class Each>
void for_each_line(std::string_view text, Each&& each) {
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (end != text.npos && line.ends_with('\r')) line.remove_suffix(1);
    each(line);
  }
}

}  // namespace execo::cli
