// What ssh_config(5) says about a host: the user's ~/.ssh/config and the system's
// /etc/ssh/ssh_config, read once, asked for any number of hosts.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace execo {

namespace detail {
class ssh_config_state;
}

/// A line that ssh would refuse too, or a file that cannot be read: "FILE:LINE: text".
class ssh_config_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

/// A keyword in lower case, and its value as `ssh -G` prints it.
class ssh_setting {
 public:
  std::string name;
  std::string value;
};

class ssh_config {
 public:
  /// Whether the command of a `Match exec` ends with status 0.
  using command_check = std::function<bool(const std::string& command)>;

  class source {
   public:
    /// Lines that come before all files, as ssh's -o takes them: "Port=22", "User root".
    std::vector<std::string> options;
    /// Read in place of both files; "none" is no file. Empty: ~/.ssh/config, if it is there, then
    /// /etc/ssh/ssh_config.
    std::string file;
    /// Called once for each text of a command. Without it, no `Match exec` matches.
    command_check check;
  };

  /// Reads all files, also those that they include.
  /// Throws: ssh_config_error. Thread: one that may read the environment.
  explicit ssh_config(source from);
  ~ssh_config();
  ssh_config(ssh_config&& other) noexcept;
  ssh_config& operator=(ssh_config&& other) noexcept;

  /// What holds for `destination`, a name, user@name or ssh://user@name:port. Reads no file. The
  /// name is not looked up: CanonicalizeHostname rewrites no name here.
  /// Throws: ssh_config_error. Thread: one at a time, one that may read the environment.
  std::vector<ssh_setting> settings_of(std::string_view destination);

 private:
  std::unique_ptr<detail::ssh_config_state> state_;
};

}  // namespace execo
