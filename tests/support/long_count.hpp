// How often a test that is about rare events repeats itself.
#pragma once

#include <algorithm>
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

}  // namespace execo::test
