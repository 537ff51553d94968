/// config: the defaults of a user, from a TOML file. docs/config.md has all of its keys.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "execo/connection.hpp"
#include "execo/context.hpp"
#include "execo/log.hpp"
#include "execo/time.hpp"

namespace execo {

/// A configuration file that cannot be used. what() is "FILE:LINE: what is wrong", one line.
class config_error : public std::runtime_error {
 public:
  config_error(std::string file, std::size_t line, const std::string& what);
  const std::string& file() const noexcept { return file_; }
  /// The line number; 0: the whole file.
  std::size_t line() const noexcept { return line_; }

 private:
  std::string file_;
  std::size_t line_;
};

/// Defaults. The library never reads a configuration unless you call load_config(): apply it to the
/// actions and processes that should have it. The tool `execo` does.
class config {
 public:
  config();

  log_level log = log_level::off;
  color_mode color = color_mode::automatic;
  /// Maximum number of hosts in progress at a time.
  std::size_t fanout = 64;
  duration timeout{0};               ///< of a command; 0: no limit
  duration first_output_timeout{0};  ///< of its silence, until it writes; 0: no limit
  duration idle_timeout{0};          ///< of its silence, at any time; 0: no limit
  duration total_timeout{0};         ///< of it and the way to its host; 0: no limit
  duration kill_timeout = std::chrono::seconds(5);
  duration drain_timeout = std::chrono::seconds(1);
  /// Bytes kept of each stream; nullopt: the default of each kind of command.
  std::optional<std::size_t> max_output;
  /// Of a context that you make with it: `context c{mine.output_budget}`.
  execo::output_budget output_budget;
  ssh_options ssh;
  /// The file it was read from; empty if there was none.
  std::string file;

  /// Sets the limits of a process or an action: those of time, and max_output.
  template <class Command>
  void apply_limits(Command& to) const {
    to.timeout(timeout).first_output_timeout(first_output_timeout).idle_timeout(idle_timeout);
    to.total_timeout(total_timeout).kill_timeout(kill_timeout).drain_timeout(drain_timeout);
    if (max_output) to.max_output(*max_output);
  }
};

/// `$EXECO_CONFIG` if that is set (empty: no file at all), else `execo/config.toml` in
/// `$XDG_CONFIG_HOME`, else in `~/.config`; empty if there is no home directory.
std::string config_path();

/// Reads config_path(). A missing file means the defaults, unless `$EXECO_CONFIG` names it.
/// Throws: config_error naming file and line for a syntax error, an unknown key, a value of the
/// wrong type or out of range, and for a file that cannot be read.
config load_config();
/// Reads that file, which must exist.
/// Throws: config_error.
config load_config(const std::string& path);
/// Reads text; errors show `name` as the file.
/// Throws: config_error.
config parse_config(std::string_view text, std::string name = "configuration");

}  // namespace execo
