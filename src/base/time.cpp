#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <stdexcept>
#include <utility>

#include "execo/time.hpp"

namespace execo {

duration parse_duration(std::string_view text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  static constexpr std::array<std::pair<std::string_view, double>, 8> units{{{"", 1e9},
                                                                             {"s", 1e9},
                                                                             {"ms", 1e6},
                                                                             {"us", 1e3},
                                                                             {"ns", 1},
                                                                             {"m", 60e9},
                                                                             {"h", 3600e9},
                                                                             {"d", 86400e9}}};
  for (auto [name, scale] : units) {
    if (unit != name) continue;
    double ns = value * scale;
    // 100 years: far below the 292 that nanoseconds in 64 bits hold.
    if (error != std::errc() || !std::isfinite(ns) || ns < 0 || ns > 3.2e18) break;
    return duration(static_cast<duration::rep>(std::llround(ns)));
  }
  throw std::invalid_argument("'" + std::string(text) +
                              "' is not a duration: expected 4s, 500ms, 2m, 1h or bare seconds");
}

std::string format_duration(duration d) {
  double seconds = std::chrono::duration<double>(d).count();
  if (seconds < 0.9995) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds < 59.95) return fmt::format("{:.3g} s", seconds);
  auto whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{} m {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} m", whole / 3600, whole % 3600 / 60);
}

std::string format_time(time_point t) {
  auto ms = std::chrono::floor<std::chrono::milliseconds>(t.time_since_epoch());
  auto whole = std::chrono::floor<std::chrono::seconds>(ms);
  std::time_t seconds = static_cast<std::time_t>(whole.count());
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     (ms - whole).count());
}

}  // namespace execo
