#include "hosts/wildcard.hpp"

namespace execo::detail {

// Greedy with one point to come back to: linear in practice, never exponential.
bool matches(std::string_view mask, std::string_view name) noexcept {
  std::size_t m = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;  // the last * seen, and what it stood for so far
  std::size_t taken = 0;
  while (n < name.size()) {
    if (m < mask.size() && mask[m] == '*') {
      star = m++;
      taken = n;
    } else if (m < mask.size() && (mask[m] == '?' || mask[m] == name[n])) {
      ++m;
      ++n;
    } else if (star != std::string_view::npos) {
      m = star + 1;
      n = ++taken;
    } else {
      return false;
    }
  }
  while (m < mask.size() && mask[m] == '*') ++m;
  return m == mask.size();
}

}  // namespace execo::detail
