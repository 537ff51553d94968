// What this process holds in memory.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>

#include "sanitizers.hpp"

namespace execo::test {

/// False where a sanitizer keeps what was freed.
constexpr bool memory_is_measurable() { return !address_sanitizer && !thread_sanitizer; }

/// A line of /proc/self/status.
inline std::size_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == name + ":" && status >> kib) return kib * 1024;
  }
  return 0;
}

inline std::size_t resident_bytes() { return status_bytes("VmRSS"); }

/// The most that is resident from here on.
class peak_memory {
 public:
  peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }
  std::size_t bytes() const { return status_bytes("VmHWM"); }
};

}  // namespace execo::test
