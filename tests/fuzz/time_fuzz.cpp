// Durations and dates come from command lines and configuration files: whatever the text, it is
// read or refused, and what was read is shown in a way that reads back as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "execo/time.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    execo::duration d = execo::parse_duration(text);
    if (d.count() < 0) std::abort();
    if (execo::parse_duration(execo::format_duration_exact(d)) != d) std::abort();
    (void)execo::format_duration(d);
  } catch (const std::invalid_argument&) {
  }
  try {
    execo::time_point now(std::chrono::seconds(1'795'344'531));
    execo::time_point t = execo::parse_time(text, now);
    if (execo::parse_time(execo::format_time_exact(t)) != t) std::abort();
    (void)execo::format_local_time(t, true);
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
