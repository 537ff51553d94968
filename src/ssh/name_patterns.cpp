#include "ssh/name_patterns.hpp"

#include <algorithm>
#include <cstddef>

namespace execo::detail {

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool matches_pattern(std::string_view name, std::string_view pattern) {
  // Greedy with one point to come back to: linear in practice, never exponential.
  std::size_t n = 0, p = 0, star = pattern.npos, from = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == pattern.npos;
}

bool matches_pattern_list(std::string_view name, std::string_view patterns) {
  bool matched = false;
  while (!patterns.empty()) {
    std::size_t end = std::min(patterns.find(','), patterns.size());
    std::string_view one = patterns.substr(0, end);
    patterns.remove_prefix(std::min(end + 1, patterns.size()));
    bool negated = one.starts_with('!');
    if (negated) one.remove_prefix(1);
    if (one.empty() || !matches_pattern(name, one)) continue;
    if (negated) return false;
    matched = true;
  }
  return matched;
}

}  // namespace execo::detail
