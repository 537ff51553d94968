#include "hosts/name_pattern.hpp"

#include <algorithm>

namespace execo::detail {

std::size_t ipv6_literal(std::string_view text) noexcept {
  if (text.empty() || text[0] != '[') return 0;
  const std::size_t end = text.find(']');
  if (end == std::string_view::npos) return 0;
  std::size_t colons = 0;
  bool zone = false;  // after % any text may follow: fe80::1%eth0
  for (const char c : text.substr(1, end - 1)) {
    const bool hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (c == ':') ++colons;
    if (c == '%') zone = true;
    if (c == '[' || (!zone && !hex && c != ':' && c != '.')) return 0;
  }
  return colons >= 2 ? end + 1 : 0;
}

std::size_t ipv6_literal_at(std::string_view name, std::size_t at) noexcept {
  return at == 0 || name[at - 1] == '@' ? ipv6_literal(name.substr(at)) : 0;
}

void append_text(std::string& pattern, char c) {
  if (c == '%') pattern += '%';
  pattern += c;
}

namespace {

std::size_t digits_at(std::string_view name, std::size_t at) noexcept {
  std::size_t end = at;
  while (end < name.size() && is_digit(name[end])) ++end;
  return end - at;
}

}  // namespace

void split_name(std::string_view name, std::string& pattern, std::vector<index_key>& keys) {
  pattern.clear();
  keys.clear();
  std::size_t copied = 0;  // the text before it is in the pattern
  std::size_t at = 0;
  const auto copy_text = [&] { pattern.append(name, copied, at - copied); };
  while (at < name.size()) {
    const char c = name[at];
    if (is_digit(c)) {
      const std::size_t digits = digits_at(name, at);
      if (digits <= max_digits && keys.size() < max_dimensions) {
        copy_text();
        keys.push_back(key_from_digits(name.substr(at, digits)));
        pattern += "%s";
        copied = at + digits;
      }
      at += digits;
    } else if (c == '%') {
      copy_text();
      pattern += '%';
      copied = at++;
    } else if (c == '[') {
      for (std::size_t end = at + std::max<std::size_t>(1, ipv6_literal_at(name, at)); at < end;
           ++at) {
        if (name[at] != '%') continue;
        copy_text();
        pattern += '%';
        copied = at;
      }
    } else {
      ++at;
    }
  }
  copy_text();
}

int pattern_reader::next() noexcept {
  if (pending_ >= 0) {
    const int c = pending_;
    pending_ = -1;
    return c;
  }
  if (at_ >= text_.size()) return -1;
  const char c = text_[at_];
  if (is_name_ && at_ >= literal_end_) {
    if (is_digit(c)) {
      const std::size_t digits = digits_at(text_, at_);
      if (digits <= max_digits && indexes_ < max_dimensions) {
        ++indexes_;
        at_ += digits;
        pending_ = 's';
        return '%';
      }
      literal_end_ = at_ + digits;
    } else if (c == '[') {
      literal_end_ = at_ + ipv6_literal_at(text_, at_);
    }
  }
  ++at_;
  if (is_name_ && c == '%') pending_ = '%';
  return static_cast<unsigned char>(c);
}

void append_name(std::string& out, std::string_view pattern, std::span<const index_key> keys) {
  std::size_t index = 0;
  for (std::size_t at = 0; at < pattern.size();) {
    const std::size_t mark = std::min(pattern.find('%', at), pattern.size());
    out.append(pattern.substr(at, mark - at));
    if (mark == pattern.size()) return;
    if (pattern[mark + 1] == 's') {
      append_index(out, keys[index++]);
    } else {
      out += '%';
    }
    at = mark + 2;
  }
}

std::size_t dimensions_of(std::string_view pattern) noexcept {
  std::size_t dimensions = 0;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '%') continue;
    ++at;
    if (pattern[at] == 's') ++dimensions;
  }
  return dimensions;
}

}  // namespace execo::detail
