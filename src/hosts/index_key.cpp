#include "hosts/index_key.hpp"

#include <cassert>
#include <charconv>

namespace execo::detail {

index_key key_from_digits(std::string_view digits) noexcept {
  assert(digits.find_first_not_of("0123456789") == std::string_view::npos);
  index_key value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return key_of(value, static_cast<int>(digits.size()));
}

void append_index(std::string& out, index_key key) {
  if (key < 0) {
    char text[24];
    const auto end = std::to_chars(text, text + sizeof text, key).ptr;
    out.append(text, end);
    return;
  }
  const auto width = static_cast<std::size_t>(width_of(key));
  index_key value = key - first_keys[width];
  char text[max_digits];
  for (std::size_t i = width; i-- > 0; value /= 10) text[i] = static_cast<char>('0' + value % 10);
  out.append(text, width);
}

std::string index_text(index_key key) {
  std::string text;
  append_index(text, key);
  return text;
}

}  // namespace execo::detail
