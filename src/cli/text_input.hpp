#pragma once

// Text from standard input, and what messages and options share.

#include <execo/host_set.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

#include "command_line/standard_streams.hpp"

namespace execo::cli {

using command_line::complain;
using command_line::exit_output_lost;
using command_line::finish_output;
using command_line::write_line;
using command_line::write_output;

/// A failure that needs no usage text: exit status 1.
class plain_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// All of standard input. Throws: plain_error if it cannot be read.
[[nodiscard]] std::string read_standard_input();

/// Sends warnings of the library to standard error during its life.
class warnings {
 public:
  explicit warnings(std::string command);
  warnings(const warnings&) = delete;
  warnings& operator=(const warnings&) = delete;
  ~warnings();
};

/// Whether the text names groups or has wildcards, and so needs group sources.
[[nodiscard]] bool names_groups(std::string_view text) noexcept;

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

/// Replaces \n, \t, \x41 and the like. Throws: plain_error.
[[nodiscard]] std::string unescaped(std::string_view text);

/// The beginning of a message about such an error.
[[nodiscard]] const char* error_kind(host_set_errc code) noexcept;

}  // namespace execo::cli
