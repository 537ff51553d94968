#include "ssh/name_patterns.hpp"

#include <algorithm>
#include <cstddef>

#include "hosts/wildcard.hpp"

namespace execo::detail {

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool matches_pattern_list(std::string_view name, std::string_view patterns) {
  bool matched = false;
  while (!patterns.empty()) {
    std::size_t end = std::min(patterns.find(','), patterns.size());
    std::string_view one = patterns.substr(0, end);
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
    bool negated = one.starts_with('!');
    if (negated) one.remove_prefix(1);
    if (one.empty() || !matches(one, name)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

}  // namespace execo::detail
