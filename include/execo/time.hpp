/// Durations and points in time: parsing and formatting. To wait for them: execo/sleep.hpp.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace execo {

using duration = std::chrono::nanoseconds;
using time_point = std::chrono::system_clock::time_point;

/// Reads a duration: bare seconds (`90`, `.5`), units (`4s`, `500ms`, `1.5h`, `1h30m`, `2d4h`), or
/// a clock (`1:30:00`, hours first and unlimited; minutes and seconds may exceed 59).
///
/// Units are w, d, h, m, s, ms, us and ns, the larger before the smaller, each once; only the last
/// number may have a fraction. Exact to the nanosecond, rounded beyond it.
/// Throws: std::invalid_argument naming the text when it is not a duration, is negative or is
/// longer than 36,500 days.
duration parse_duration(std::string_view text);

/// "250 ms", "1.2 s", "3 m 20 s": three significant figures, for people.
std::string format_duration(duration d);

/// "1d2h3m4.5s", "0s": exact; parse_duration() reads it back. Seconds are always shown, and a
/// negative duration begins with '-'.
std::string format_duration_exact(duration d);

/// Reads a point in time: seconds since 1970 (`1795344531.5`, `@1795344531`), or
/// `[[YYYY-]MM-]DD[T| ]HH:MM[:SS[.fraction]][Z|+HH:MM|+HHMM]`, or `YYYY-MM-DD` alone for its first
/// moment. Blanks around it are ignored.
///
/// Without a zone it is local time. A year of two digits is in 1969 to 2068. Missing parts of the
/// date (or all of it: `HH:MM`) are taken from `now`, in local time. A local time that the change
/// to summer time skips is moved as mktime() does.
/// Throws: std::invalid_argument naming the text if it is not such a time, or not in the years
/// 1678 to 2261.
time_point parse_time(std::string_view text, time_point now = std::chrono::system_clock::now());

/// 2026-11-22T10:48:51.123Z (RFC 3339, milliseconds).
std::string format_time(time_point t);

/// 2026-11-22T10:48:51.123456789Z, with as many decimals as needed; parse_time() reads it back
/// exactly.
std::string format_time_exact(time_point t);

/// 2026-11-22 11:48:51+01:00, in local time; with `milliseconds` also these.
std::string format_local_time(time_point t, bool milliseconds = false);

}  // namespace execo
