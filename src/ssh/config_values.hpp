// Values of ssh_config(5): checked as ssh checks them, and kept in the form that `ssh -G` prints.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ssh/config_keywords.hpp"

namespace execo::detail {

/// What is wrong with a line, without its place.
class config_value_error : public std::runtime_error {
 public:
  using runtime_error::runtime_error;
};

/// The values of a line; `rest` is what follows its keyword, without blanks around. None: as if the
/// line were not there (`ConnectTimeout none`).
/// Throws: config_value_error.
std::vector<std::string> read_config_values(const config_keyword& keyword, std::string_view rest);

/// [user@]host[:port], as ProxyJump and the command line name a destination, or an ssh:// address.
class ssh_destination {
 public:
  std::string user;  // empty: none is given
  std::string host;
  std::string port;  // empty: none is given
};

/// nullopt: not an address.
std::optional<ssh_destination> read_ssh_address(std::string_view text);

/// 90, 10m, 1h30m as seconds; -1: not a time.
int read_config_seconds(std::string_view text) noexcept;

}  // namespace execo::detail
