// What ssh_config(5) says about how a host is reached, beyond the options of an action.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "execo/connection.hpp"

namespace execo::detail {

class config_lines;
class match_commands;
class route_source;

/// What is said about hosts.
class config_source {
 public:
  std::shared_ptr<const config_lines> lines;
  /// Null: none can be run, and hosts whose lines have some are left to the ssh program.
  std::shared_ptr<match_commands> commands;

  friend bool operator==(const config_source&, const config_source&) = default;
};

/// What the settings of hops come from, each of which has lines of its own.
class hop_source {
 public:
  ssh_options base;
  config_source config;

  friend bool operator==(const hop_source&, const hop_source&) = default;
};

/// Compared by what it holds.
class hop_source_ref {
 public:
  hop_source_ref() = default;
  explicit hop_source_ref(hop_source from)
      : source_(std::make_shared<const hop_source>(std::move(from))) {}

  const hop_source* get() const noexcept { return source_.get(); }
  friend bool operator==(const hop_source_ref& a, const hop_source_ref& b) {
    bool both = a.source_ && b.source_;
    return a.source_ == b.source_ || (both && *a.source_ == *b.source_);
  }

 private:
  std::shared_ptr<const hop_source> source_;
};

/// Ways to log in.
class allowed_methods {
 public:
  bool key = true;
  bool password = true;
  bool keyboard = true;

  friend bool operator==(const allowed_methods&, const allowed_methods&) = default;
};

class connection_settings {
 public:
  // -- host keys ----------------------------------------------------------------------------------
  std::string key_alias;                 // the host's name in known_hosts; empty: its own
  std::vector<std::string> known_hosts;  // the user's, the first one is written; empty: the usual
  std::optional<std::vector<std::string>> site_known_hosts;
  std::string revoked_keys;  // a file of public keys
  bool trusts_loopback = false;

  // -- identities ---------------------------------------------------------------------------------
  // Files that may be missing.
  std::optional<std::vector<std::string>> identities;
  std::vector<std::string> certificates;
  allowed_methods allows;

  // -- encryption: lists as they are written, perhaps after + - ^; empty: libssh's own
  // -------------
  std::string ciphers;
  std::string macs;
  std::string key_exchange;
  std::string host_key_algorithms;
  std::string public_key_algorithms;
  int min_rsa_bits = 0;  // of keys; 0: libssh's own limit
  bool compression = false;
  std::uint64_t rekey_bytes = 0;  // 0: as the cipher needs it
  std::uint32_t rekey_seconds = 0;

  // -- connections --------------------------------------------------------------------------------
  int family = AF_UNSPEC;
  std::string bind_address;
  unsigned attempts = 1;        // to connect to all addresses of a host, a second apart
  unsigned max_unanswered = 3;  // questions whether a server is alive
  std::vector<std::pair<std::string, std::string>> variables;  // sent for each command

  std::shared_ptr<route_source> ways;  // null: those of the options

  hop_source_ref hops;  // null: hops have the options of the hosts behind them

  /// The keyword that only the program ssh can serve; empty: there is none.
  std::string needs_ssh;
  // Methods of logging in that it has besides, as SSH_AUTH_METHOD_* of libssh.
  int methods_of_ssh = 0;

  friend bool operator==(const connection_settings&, const connection_settings&) = default;
};

}  // namespace execo::detail
