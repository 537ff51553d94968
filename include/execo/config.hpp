/// config: the defaults of a user, from a TOML file. docs/config.md has all of its keys.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "execo/connection.hpp"
#include "execo/log.hpp"
#include "execo/time.hpp"

namespace execo {

/// A configuration file that cannot be used. what() is "FILE:LINE: what is wrong", one line.
class config_error : public std::runtime_error {
 public:
  config_error(std::string file, std::size_t line, const std::string& what);
  const std::string& file() const noexcept { return file_; }
  /// 0: of the file as a whole.
  std::size_t line() const noexcept { return line_; }

 private:
  std::string file_;
  std::size_t line_;
};

/// Defaults. Nothing in the library looks at a configuration by itself: give what you want of it to
/// the actions and processes that should have it. The tool `execo` does.
class config {
 public:
  config();

  log_level log = log_level::off;
  color_mode color = color_mode::automatic;
  /// Hosts worked on at a time.
  std::size_t fanout = 64;
  duration timeout{0};  ///< of a command; 0: none
  duration kill_timeout = std::chrono::seconds(5);
  duration drain_timeout = std::chrono::seconds(1);
  /// Bytes kept of each stream; nothing: as each kind of command has it.
  std::optional<std::size_t> max_output;
  ssh_options ssh;
  /// The file it was read from; empty if there was none.
  std::string file;

  /// Gives a process or an action its limits: timeout, kill_timeout, drain_timeout, max_output.
  template <class Command>
  void apply_limits(Command& to) const {
    to.timeout(timeout).kill_timeout(kill_timeout).drain_timeout(drain_timeout);
    if (max_output) to.max_output(*max_output);
  }
};

/// `$EXECO_CONFIG` if that is set (empty: no file at all), else `execo/config.toml` in
/// `$XDG_CONFIG_HOME`, else in `~/.config`; empty when there is no home either.
std::string config_path();

/// Reads config_path(). No file there gives the defaults, unless `$EXECO_CONFIG` names it.
/// Throws: config_error naming file and line for a syntax error, an unknown key, a value of the
/// wrong type or out of range, and for a file that cannot be read.
config load_config();
/// Reads that file, which has to be there.
/// Throws: config_error.
config load_config(const std::string& path);
/// Reads text; `name` stands for the file in errors.
/// Throws: config_error.
config parse_config(std::string_view text, std::string name = "configuration");

}  // namespace execo
