#pragma once

// What nodeset and clubak share: text from outside.

#include <execo/host_set.hpp>
#include <string>
#include <string_view>

namespace execo::cli {

/// All of standard input.
[[nodiscard]] std::string read_standard_input();

/// Words between blanks and newlines; # begins a comment that ends with its line.
/// A word may be moved towards the front of the text while it is visited.
template <class Visit>
void for_each_word(std::string_view text, const Visit& visit) {
  const auto blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  for (std::size_t at = 0; at < text.size();) {
    if (blank(text[at])) {
      ++at;
    } else if (text[at] == '#') {
      at = text.find('\n', at);
    } else {
      std::size_t end = at;
      while (end < text.size() && !blank(text[end]) && text[end] != '#') ++end;
      visit(text.substr(at, end - at));
      at = end;
    }
  }
}

/// Whether the text has one of these characters. (find_first_of is many times slower.)
[[nodiscard]] bool has_any(std::string_view text, std::string_view characters) noexcept;

/// Text with \n, \t, \x41 and the like replaced. Throws: plain_error.
[[nodiscard]] std::string unescaped(std::string_view text);

/// How a message about such an error begins.
[[nodiscard]] const char* error_kind(host_set_errc code) noexcept;

}  // namespace execo::cli
