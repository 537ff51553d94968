#include "base/shell_words.hpp"

#include <stdexcept>

namespace execo::detail {
namespace {

[[noreturn]] void unclosed(char quote, std::string_view text) {
  throw std::invalid_argument("unclosed " + std::string(1, quote) + " in `" + std::string(text) +
                              "`: close it, or have a shell read the text");
}

// Appends the text between double quotes; `i` is after the opening quote.
std::size_t take_double_quoted(std::string_view text, std::size_t i, std::string& word) {
  for (; i < text.size() && text[i] != '"'; ++i) {
    // XCU 2.2.3: within double quotes a backslash only quotes these.
    bool escapes = text[i] == '\\' && i + 1 < text.size() &&
                   std::string_view("$`\"\\\n").find(text[i + 1]) != std::string_view::npos;
    if (escapes) ++i;
    if (!escapes || text[i] != '\n') word += text[i];
  }
  if (i >= text.size()) unclosed('"', text);
  return i;
}

}  // namespace

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(std::move(word));
      word.clear();
      in_word = false;
      continue;
    }
    // XCU 2.2.1: a continued line is joined before there are words.
    if (c == '\\' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
      continue;
    }
    in_word = true;
    if (c == '\'') {
      std::size_t end = text.find('\'', i + 1);
      if (end == std::string_view::npos) unclosed('\'', text);
      word.append(text.substr(i + 1, end - i - 1));
      i = end;
    } else if (c == '"') {
      i = take_double_quoted(text, i + 1, word);
    } else if (c == '\\' && i + 1 < text.size()) {
      word += text[++i];
    } else {
      word += c;
    }
  }
  if (in_word) words.push_back(std::move(word));
  return words;
}

}  // namespace execo::detail
