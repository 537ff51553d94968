// From the values of ssh_config(5) to options and settings of a connection.
#pragma once

#include <string>

#include "execo/connection.hpp"
#include "ssh/caller.hpp"
#include "ssh/config_answer.hpp"
#include "ssh/connection_settings.hpp"

namespace execo::detail {

/// What hosts must have in common to share an environment: the values that connections act on, but
/// for name, port and user. Throws: ssh_config_error.
std::string settings_key(const config_answer& answer);

/// Whether another host is told something else, although the same blocks hold for it.
bool is_made_of_host(const config_answer& answer);

class host_settings {
 public:
  /// Values that `base` does not have are taken from the answer.
  /// Throws: ssh_config_error; std::invalid_argument for a value that no connection can have.
  host_settings(const ssh_options& base, const ssh_caller& by, const config_answer& answer);

  ssh_options options;
  connection_settings also;
};

}  // namespace execo::detail
