#include "ssh/config_words.hpp"

#include <algorithm>
#include <cstddef>

namespace execo::detail {
namespace {

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(config_blanks), text.size()));
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Whether a backslash before this character removes its meaning.
bool is_escaped(std::string_view text, std::size_t at, char quote) {
  if (text[at] != '\\' || at + 1 == text.size()) return false;
  char next = text[at + 1];
  return next == '\'' || next == '"' || next == '\\' || (quote == 0 && next == ' ');
}

/// One word from text[at]; false: its quote has no end.
bool take_quoted(std::string_view text, std::size_t& at, std::string& word) {
  char quote = 0;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (is_escaped(text, at, quote)) {
      word += text[++at];
    } else if (quote == 0 && is_blank(c)) {
      return true;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      word += c;
    }
  }
  return quote == 0;
}

}  // namespace

std::string take_config_word(std::string_view& rest) {
  std::size_t end = std::min(rest.find_first_of(" \t\r\n\"="), rest.size());
  std::string word(rest.substr(0, end));
  rest.remove_prefix(end);
  if (rest.empty()) return word;
  if (rest.front() == '"') {
    std::size_t close = rest.find('"', 1);
    if (close == rest.npos) return rest = {}, std::string();
    word += rest.substr(1, close - 1);
    rest.remove_prefix(close + 1);
    return skip_blanks(rest), word;
  }
  bool separated = rest.front() == '=';
  rest.remove_prefix(1);
  skip_blanks(rest);
  if (!separated && rest.starts_with('=')) {
    rest.remove_prefix(1);
    skip_blanks(rest);
  }
  return word;
}

std::optional<std::vector<std::string>> split_config_words(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      ++at;
      continue;
    }
    if (text[at] == '#') break;
    if (!take_quoted(text, at, words.emplace_back())) return std::nullopt;
  }
  return words;
}

}  // namespace execo::detail
