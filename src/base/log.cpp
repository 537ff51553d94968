#include "execo/log.hpp"

#include <errno.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "execo/printable.hpp"

namespace execo {
namespace {

struct level_word {
  log_level level;
  std::string_view name;
  std::string_view shown;
  std::string_view color;  // parameters of the escape sequence
};

constexpr std::array<level_word, 10> levels{
    {{log_level::io_debug, "io_debug", "IODEBUG", "32;7"},
     {log_level::loop_debug, "loop_debug", "FDEBUG", "32;7"},
     {log_level::debug, "debug", "DEBUG", "32"},
     {log_level::trace, "trace", "TRACE", "32;1"},
     {log_level::detail, "detail", "DETAIL", "35;1"},
     {log_level::info, "info", "INFO", "35"},
     {log_level::warning, "warning", "WARNING", "36"},
     {log_level::error, "error", "ERROR", "31"},
     {log_level::critical, "critical", "CRITICAL", "33;41"},
     {log_level::off, "off", "OFF", "0"}}};

const level_word& words_of(log_level level) noexcept {
  for (const level_word& w : levels)
    if (level <= w.level) return w;
  return levels.back();
}

// The slot of the process. Never destroyed: threads may log while statics are.
struct log_slot {
  std::mutex writing;
  log_sink sink;
};

log_slot& slot() {
  static log_slot& made = *new log_slot;
  return made;
}

std::atomic<log_level> threshold{log_level::off};
thread_local bool inside_sink = false;

class sink_guard {
 public:
  sink_guard() noexcept { inside_sink = true; }
  sink_guard(const sink_guard&) = delete;
  sink_guard& operator=(const sink_guard&) = delete;
  ~sink_guard() { inside_sink = false; }
};

void write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string_view to_string(log_level level) noexcept { return words_of(level).name; }

std::optional<log_level> parse_log_level(std::string_view text) noexcept {
  unsigned number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  bool is_number = error == std::errc() && end == text.data() + text.size();
  for (const level_word& w : levels)
    if (text == w.name || (is_number && number == static_cast<unsigned>(w.level))) return w.level;
  return std::nullopt;
}

void set_log(log_level least, log_sink sink) {
  if (inside_sink) throw std::logic_error("set_log() called by a log sink");
  log_slot& s = slot();
  std::lock_guard lock(s.writing);
  threshold.store(sink ? least : log_level::off, std::memory_order_relaxed);
  s.sink.swap(sink);
}

log_level log_threshold() noexcept { return threshold.load(std::memory_order_relaxed); }

bool log_enabled(log_level level) noexcept {
  return level >= log_threshold() && level != log_level::off;
}

void detail::write_log(log_level level, std::string_view message,
                       const std::source_location& where) noexcept {
  if (inside_sink) return;
  try {
    log_record record(level, std::chrono::system_clock::now(), message, where);
    log_slot& s = slot();
    std::lock_guard lock(s.writing);
    sink_guard inside;
    // The sink may have changed since the level was looked at.
    if (s.sink && log_enabled(level)) s.sink(record);
  } catch (...) {
    // A record that cannot be made must not fail the work that it is about.
  }
}

bool use_colors(color_mode mode, int fd) noexcept {
  if (mode != color_mode::automatic) return mode == color_mode::always;
  const char* none = std::getenv("NO_COLOR");
  if (none != nullptr && *none != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal != nullptr && std::string_view(terminal) == "dumb") return false;
  return ::isatty(fd) == 1;
}

std::string format_log(const log_record& record, bool colors) {
  const level_word& word = words_of(record.level);
  // 2026-11-22 11:48:51.123+01:00, without the zone and with a comma, as Python writes it.
  std::string line = format_local_time(record.time, true).substr(0, 23);
  line[19] = ',';
  if (colors) {
    line += fmt::format(" \x1b[{}m{}\x1b[m", word.color, word.shown);
  } else {
    line += fmt::format(" {}", word.shown);
  }
  if (record.level < log_level::debug) line += fmt::format(" {} -", ::syscall(SYS_gettid));
  if (record.level <= log_level::debug) line += fmt::format(" {}", record.where.function_name());
  line += ": ";
  line += printable_lines(record.message);
  return line;
}

log_sink log_to(int fd, color_mode colors) {
  bool colored = use_colors(colors, fd);
  return [fd, colored](const log_record& record) {
    std::string line = format_log(record, colored);
    line += '\n';
    write_all(fd, line);
  };
}

}  // namespace execo
