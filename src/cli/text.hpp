// Bytes as text: what a terminal may be given, what JSON may be given.
#pragma once

#include <string>
#include <string_view>

namespace execo::cli {

/// Makes every byte visible that a terminal would act on: control characters as ^[, DEL as ^?,
/// C1 controls and bytes that are not UTF-8 as \x9b. Tabs stay, and with `keep_newlines` LF too.
std::string visible(std::string_view bytes, bool keep_newlines = false);

bool valid_utf8(std::string_view bytes) noexcept;

/// RFC 4648, with padding.
std::string base64(std::string_view bytes);

/// Calls `each` with every line of `text`, without LF or CR LF; what follows the last LF counts as
/// a line if there is any.
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
