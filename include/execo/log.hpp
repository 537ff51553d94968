/// Logging: levels, and one sink for the whole process.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "execo/time.hpp"

namespace execo {

/// How much a record matters: the levels of Python execo, with its numbers.
enum class log_level : std::uint8_t {
  io_debug = 3,    ///< every piece of input and output
  loop_debug = 5,  ///< what the event loop does
  debug = 10,      ///< each step of each process
  trace = 12,      ///< steps of experiments
  detail = 15,     ///< more than most users want to know
  info = 20,
  warning = 30,  ///< a command failed
  error = 40,    ///< a failure in this program: an exception in a handler
  critical = 50,
  off = 255,  ///< as a threshold: nothing
};

/// "io_debug", "warning", "off", ...
std::string_view to_string(log_level level) noexcept;
/// The level of that name, or of its number ("20"); nothing if there is none.
std::optional<log_level> parse_log_level(std::string_view text) noexcept;

/// One message. Valid during the call of the sink.
class log_record {
 public:
  log_record(log_level l, time_point t, std::string_view m, const std::source_location& w) noexcept
      : level(l), time(t), message(m), where(w) {}
  log_level level;
  time_point time;
  std::string_view message;  ///< may have several lines, and bytes that a terminal interprets
  std::source_location where;
};

/// Called for one record at a time, on the thread that logs. What it throws is dropped, and so is
/// what it logs itself.
using log_sink = std::function<void(const log_record&)>;

/// Sends records of `least` and above to `sink`, for the whole process. The previous sink is not
/// called any more when this returns. The library sets no sink: it is silent until its user calls
/// this. An empty sink or log_level::off makes it silent again.
/// Thread: any. Throws: std::logic_error when called by a sink.
void set_log(log_level least, log_sink sink);

/// The level from which on records are taken.
/// Thread: any.
log_level log_threshold() noexcept;

/// Whether a record of that level would be taken: one relaxed load.
bool log_enabled(log_level level) noexcept;

namespace detail {
void write_log(log_level level, std::string_view message,
               const std::source_location& where) noexcept;
}

/// Sends a record to the sink, if it takes that level.
/// Thread: any. Throws: never.
inline void log(log_level level, std::string_view message,
                const std::source_location& where = std::source_location::current()) noexcept {
  if (log_enabled(level)) detail::write_log(level, message, where);
}

/// The same for a message that costs something to make: `make()` gives it, and is called only if
/// the sink takes that level.
/// Throws: what `make` does.
template <class Make>
requires std::is_invocable_r_v<std::string, Make&>
void log(log_level level, Make&& make,
         const std::source_location& where = std::source_location::current()) {
  if (!log_enabled(level)) return;
  const std::string message = make();
  detail::write_log(level, message, where);
}

/// When text has colours.
enum class color_mode : std::uint8_t {
  automatic,  ///< on a terminal that is not dumb, unless NO_COLOR is set and not empty
  always,
  never,
};

/// Whether what is written to `fd` has colours.
bool use_colors(color_mode mode, int fd) noexcept;

/// A line for people, without its end: "2026-11-22 11:48:51,123 WARNING: message"; up to debug with
/// the function that logs, and below debug with the thread as well. Bytes that a terminal would act
/// on are made visible.
std::string format_log(const log_record& record, bool colors = false);

/// A sink that writes such lines to `fd`, each by one write(); a line that cannot be written is
/// lost. The descriptor stays the caller's.
log_sink log_to(int fd = 2, color_mode colors = color_mode::automatic);

}  // namespace execo
