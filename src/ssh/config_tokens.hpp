// What values of ssh_config(5) stand for: %h and the like, ${NAME}, and a leading ~.
#pragma once

#include <string>
#include <string_view>

#include "ssh/caller.hpp"

namespace execo::detail {

/// What the tokens mean for one destination.
class config_tokens {
 public:
  std::string host;                          // %h: after HostName
  std::string given_host;                    // %n
  std::string key_alias;                     // %k
  std::string port;                          // %p
  std::string user;                          // %r: on the host
  std::string local_user;                    // %u
  std::string local_id;                      // %i
  std::string local_host;                    // %l; %L up to its first dot
  std::string home;                          // %d
  const variable_list* variables = nullptr;  // ${NAME}; null: there are none

  /// %C: a hash of %l, %h, %p and %r, with which sockets get short names.
  std::string connection() const;
  /// With %% and the tokens that are named in `allowed` replaced. Throws: config_value_error.
  std::string expanded(std::string_view text, std::string_view allowed) const;
  /// A path: ~, ${NAME} and all tokens. Throws: config_value_error.
  std::string expanded_path(std::string_view text) const;

 private:
  std::string value_of(char token) const;
};

/// All but those of LocalCommand (%T) and KnownHostsCommand, which execo does not run.
inline constexpr std::string_view all_config_tokens = "CLdhiklnpru";

/// ${NAME} replaced. Throws: config_value_error.
std::string with_variables(std::string_view text, const variable_list* variables);

}  // namespace execo::detail
