/// report: counts, dates and durations of many commands, as a table and as JSON.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/action.hpp"
#include "execo/status.hpp"
#include "execo/time.hpp"

namespace execo {

/// What is counted of a set of commands. Each that has ended is in exactly one of ok, errors,
/// timeouts, cancelled and bad_exits.
class report_stats {
 public:
  report_stats() = default;
  std::string name;
  std::optional<time_point> start;  ///< of the first; nullopt if none has started
  std::optional<time_point> end;    ///< of the last; nullopt while one of them runs
  std::size_t total = 0;
  std::size_t started = 0;
  std::size_t ended = 0;
  std::size_t ok = 0;             ///< includes those whose command ignores such an end
  std::size_t errors = 0;         ///< not run, host not reached or lost, or a sink failed
  std::size_t timeouts = 0;       ///< a deadline expired
  std::size_t cancelled = 0;      ///< ended by a stop
  std::size_t killed = 0;         ///< got a signal from execo, for whatever reason
  std::size_t forced_kills = 0;   ///< of those, got KILL after the grace period
  std::size_t may_still_run = 0;  ///< may still run after a stop or a lost connection
  std::size_t bad_exits = 0;      ///< ended by a signal, also of execo, or with a code not accepted
  std::size_t incomplete = 0;     ///< have missing output, however they ended
  std::vector<report_stats> parts;

  /// From the first start to the last end; nullopt without both.
  std::optional<duration> length() const;
};

/// How a report is shown. The setters chain.
class report_options {
 public:
  report_options() = default;
  /// One line of 157 columns for each entry. Default: two lines of 80 columns.
  report_options& wide(bool on = true) noexcept;
  /// Only the total.
  report_options& brief(bool on = true) noexcept;
  /// Entries with failures in red, those with only timeouts or stops in magenta: see use_colors().
  report_options& colors(bool on = true) noexcept;
  /// Dates in UTC. Default: local time.
  report_options& utc(bool on = true) noexcept;

  bool is_wide() const noexcept { return wide_; }
  bool is_brief() const noexcept { return brief_; }
  bool has_colors() const noexcept { return colors_; }
  bool is_utc() const noexcept { return utc_; }

 private:
  bool wide_ = false;
  bool brief_ = false;
  bool colors_ = false;
  bool utc_ = false;
};

/// A table of results: an entry for each command that was added, and the total. A report counts
/// what is added at once and keeps only the numbers.
class report {
 public:
  explicit report(std::string_view name = "Report");
  /// With one entry: that of the result.
  explicit report(const result& r);
  explicit report(const action_result& r);

  /// An entry for one command, named `name` or as the command, of a host with the host in front.
  report& add(const result& r, std::string_view name = {});
  report& add(const host_result& r, std::string_view name = {});
  /// An entry for all hosts of an action; that of a composite has its members as parts. If next()
  /// has taken some of the results, these are in the numbers, but not in the dates and in the
  /// signals: use count() for each then.
  report& add(const action_result& r, std::string_view name = {});
  /// The entries of another report under one with its name and total.
  report& add(const report& other);
  /// An entry made of your own numbers.
  report& add(report_stats entry);
  /// Adds to the total without an entry: a report on any number of commands in one line.
  report& count(const result& r);

  const std::string& name() const noexcept { return own_.name; }
  /// The total, with the entries as its parts, in the order in which they were added.
  report_stats stats() const;
  bool ok() const;

  /// The table. Entries are in the order of their starts, those that never started last; the parts
  /// of an entry are indented, in the order added. Control characters are made visible.
  std::string to_string(const report_options& how = report_options()) const;

  /// One object in one line, without an end of line: name, start, end (RFC 3339 or null), length
  /// (seconds or null), the counts by their names in report_stats, parts (a list of the same).
  std::string to_json() const;

 private:
  report_stats own_;  // what count() counted
  std::vector<report_stats> entries_;
};

}  // namespace execo
