#include "action/substitution.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace execo::detail {
namespace {

constexpr std::array<std::string_view, 7> names_of_hosts{"host", "index", "user",  "port",
                                                         "rank", "count", "father"};
constexpr std::string_view opening = "{{{";
constexpr std::string_view closing = "}}}";

bool is_name_byte(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::optional<reference> numbered(std::size_t first, std::size_t place, std::size_t count) {
  if (place == count) return std::nullopt;
  return static_cast<reference>(first + place);
}

std::optional<reference> reference_of(std::string_view name, std::size_t braces,
                                      std::span<const value_series> series) {
  if (braces == 3) {
    auto found = std::ranges::find(names_of_hosts, name);
    return numbered(0, static_cast<std::size_t>(found - names_of_hosts.begin()),
                    names_of_hosts.size());
  }
  auto found = std::ranges::find(series, name, &value_series::name);
  return numbered(names_of_hosts.size(), static_cast<std::size_t>(found - series.begin()),
                  series.size());
}

class match {
 public:
  std::size_t size = 0;       // 0: there is none
  std::size_t backslash = 0;  // where the first one is; 0: there is none
  reference what{};
};

// At the beginning of the text.
match match_with(std::size_t braces, std::string_view text, std::span<const value_series> series) {
  if (!text.starts_with(opening.substr(0, braces))) return {};
  std::size_t name = text.find_first_not_of('\\', braces);
  if (name == text.npos) return {};
  std::size_t end = name;
  while (end < text.size() && is_name_byte(text[end])) ++end;
  if (end == name || !text.substr(end).starts_with(closing.substr(0, braces))) return {};
  std::optional<reference> what = reference_of(text.substr(name, end - name), braces, series);
  if (!what) return {};
  match found;
  found.size = end + braces;
  found.backslash = name > braces ? braces : 0;
  found.what = *what;
  return found;
}

match match_at(std::string_view text, std::span<const value_series> series) {
  match found = match_with(3, text, series);
  return found.size > 0 ? found : match_with(2, text, series);
}

void append_escaped(std::string& to, char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  auto byte = static_cast<unsigned char>(c);
  to += '%';
  to += digits[byte >> 4];
  to += digits[byte & 15];
}

void append_value(std::string& to, std::string_view value, value_form form) {
  switch (form) {
    case value_form::as_it_is:
      to += value;
      return;
    case value_form::with_percent_doubled:
      for (char c : value) to.append(c == '%' ? 2 : 1, c);
      return;
    case value_form::component:
      to += path_component(value);
      return;
  }
}

}  // namespace

bool is_reference_name(std::string_view text) {
  return !text.empty() && (text[0] < '0' || text[0] > '9') &&
         std::ranges::all_of(text, is_name_byte);
}

std::string_view host_values::of(reference what) const {
  switch (what) {
    case reference::host:
      return where_.name();
    case reference::index:
      return index_text_;
    case reference::user:
      return user;
    case reference::port:
      return port;
    case reference::rank:
      return rank_text_;
    case reference::count:
      return count;
    case reference::father:
      return father;
    default:
      break;
  }
  auto number = static_cast<std::size_t>(what) - static_cast<std::size_t>(reference::first_series);
  const std::vector<std::string>& values = series_[number].values;
  return values[index_ % values.size()];
}

std::string path_component(std::string_view value) {
  std::string name;
  name.reserve(value.size());
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    bool is_control = byte < ' ' || byte == 0x7f;
    bool is_first_dot = c == '.' && name.empty();
    if (is_control || is_first_dot || c == '/' || c == '%') {
      append_escaped(name, c);
    } else {
      name += c;
    }
  }
  return name;
}

text_template::text_template(std::string_view text, std::span<const value_series> series)
    : given_(text) {
  std::size_t copied = 0;
  for (std::size_t at = text.find("{{"); at != text.npos; at = text.find("{{", at)) {
    match found = match_at(text.substr(at), series);
    if (found.size == 0) {
      ++at;
      continue;
    }
    literal_ += text.substr(copied, at - copied);
    copied = at + found.size;
    if (found.backslash > 0) {
      has_escape_ = true;
      literal_ += text.substr(at, found.backslash);
      literal_ += text.substr(at + found.backslash + 1, found.size - found.backslash - 1);
    } else {
      references_.push_back(place{literal_.size(), found.what});
    }
    at = copied;
  }
  literal_ += text.substr(copied);
}

bool text_template::refers_to(reference what) const noexcept {
  return std::ranges::find(references_, what, &place::what) != references_.end();
}

std::size_t text_template::references_to(reference what) const noexcept {
  return static_cast<std::size_t>(std::ranges::count(references_, what, &place::what));
}

std::string text_template::text_for(const host_values& values, value_form form) const {
  std::string text;
  std::size_t copied = 0;
  for (const place& one : references_) {
    text.append(literal_, copied, one.at - copied);
    copied = one.at;
    append_value(text, values.of(one.what), form);
  }
  text.append(literal_, copied);
  return text;
}

}  // namespace execo::detail
