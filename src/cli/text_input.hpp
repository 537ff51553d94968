#pragma once

// Text from standard input, and to standard output and standard error.

#include <execo/host_set.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace execo::cli {

inline constexpr int exit_output_lost = 74;  // EX_IOERR

/// A failure that needs no usage text: exit status 1.
class plain_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// All of standard input. Throws: plain_error if it cannot be read.
[[nodiscard]] std::string read_standard_input();

/// Adds to standard output, which is written in large pieces. finish_output() reports an error.
void write_output(std::string_view text);
void write_line(std::string_view text);

/// Ends a command that wrote with write_output(): its exit status, or 74 if standard output did not
/// take all of it, which a line on standard error says unless the reader went away.
[[nodiscard]] int finish_output(const char* command, int status);

/// "command: text" on standard error; control characters in it are made visible.
void complain(std::string_view command, std::string_view text);

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
