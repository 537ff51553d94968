// How often a test that is about rare events repeats itself.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace execo::test {

/// `full` repetitions when the environment has EXECO_LONG=1; a tenth of them, at least one, in
/// everyday runs.
inline int long_count(int full) {
  const char* set = std::getenv("EXECO_LONG");
  bool is_long = set != nullptr && std::string_view(set) == "1";
  return is_long ? full : std::max(full / 10, 1);
}

class seed_range {
 public:
  explicit seed_range(unsigned count) noexcept : last(count) {}
  unsigned first = 1;
  unsigned last;
};

/// 1 to `count`, or those that the environment says: EXECO_SEEDS=37-100.
inline seed_range seeds(unsigned count) {
  seed_range all(count);
  const char* set = std::getenv("EXECO_SEEDS");
  if (set != nullptr) (void)std::sscanf(set, "%u-%u", &all.first, &all.last);
  return all;
}

}  // namespace execo::test
