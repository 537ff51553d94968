// The words of a line of a script, with one blank between them.
#pragma once

#include <charconv>
#include <string_view>

namespace execo::detail {

/// Takes it from `line`.
inline std::string_view next_word(std::string_view& line) {
  std::size_t end = line.find(' ');
  std::string_view word = line.substr(0, end);
  line.remove_prefix(end == line.npos ? line.size() : end + 1);
  return word;
}

/// False: the word is more or less than that.
template <class Number>
bool read_number(std::string_view word, Number& into, int base = 10) {
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), into, base);
  return error == std::errc() && end == word.data() + word.size();
}

}  // namespace execo::detail
