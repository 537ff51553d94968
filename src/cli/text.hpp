// Bytes as lines.
#pragma once

#include <string_view>

namespace execo::cli {

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
