/// Host keys: read from ssh servers by many handshakes at a time, and recorded in known_hosts
/// files.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "execo/connection.hpp"
#include "execo/detail/action_options.hpp"
#include "execo/detail/compiler.hpp"
#include "execo/detail/host_arguments.hpp"

namespace execo {

/// A server's public key, as a line of a known_hosts file has it (sshd(8)).
class host_key {
 public:
  host_key() = default;
  std::string name;    ///< of the host: "node1", "[node1]:2222"
  std::string type;    ///< "ssh-ed25519"
  std::string base64;  ///< the key itself

  /// Without a line break: "node1 ssh-ed25519 AAAA...".
  std::string line() const;
  /// "SHA256:...", as `ssh-keygen -l` prints it.
  std::string fingerprint() const;

  friend bool operator==(const host_key&, const host_key&) = default;
};

/// Asks ssh servers for their host keys, as ssh-keyscan does: a key exchange for each type of key,
/// without a login. The keys are not verified: an attacker on the network path can answer.
///
/// A host's result is ok() when the server has shown at least one key; host_keys_of() has them. A
/// type that a server closed the connection for, without a word, is a line of result::err.
/// ssh_config(5) acts as for `remote`: addresses, ports, hops and proxy commands, HostKeyAlias.
class [[nodiscard]] key_scan : public action, public detail::fanout_options<key_scan> {
 public:
  key_scan(const key_scan&, detail::moved_only_so_pass_it_with_std_move = {})
      EXECO_DELETED("an action is moved, not copied: pass it with std::move");
  key_scan(key_scan&&) noexcept = default;
  key_scan& operator=(key_scan&&) noexcept = default;

  /// Hosts as for `remote`.
  explicit key_scan(detail::host_arguments hosts);

  /// How the hosts are reached, and how hops on the way are logged in to; else the connection
  /// defaults of the context say so. limits.establish is for all the key exchanges with a host.
  key_scan& ssh(ssh_options options) &;
  key_scan&& ssh(ssh_options options) && { return std::move(ssh(std::move(options))); }
  /// "ed25519", "ecdsa", "rsa". Default: all of them, in this order.
  /// Throws: std::invalid_argument for another word, or for none.
  key_scan& types(std::vector<std::string> wanted) &;
  key_scan&& types(std::vector<std::string> wanted) && {
    return std::move(types(std::move(wanted)));
  }

 private:
  ssh_options options_;
};

/// What a host's result of a key_scan has. Empty: the server was not reached, or has none of the
/// types.
std::vector<host_key> host_keys_of(const result& of);

/// What became of a key that was to be recorded.
enum class key_record : std::uint8_t {
  added,       ///< the host was not known
  known,       ///< the file has this key of the host
  other_type,  ///< the file has keys of the host of other types only: not added
  different,   ///< the file has another key of this type: not added
  revoked,     ///< the file marks the key as revoked: not added
};

/// The bare word: "added", "other_type", ...
std::string_view to_string(key_record what) noexcept;

/// A known_hosts file that keys are added to. No key is ever replaced.
class known_hosts_file {
 public:
  /// Reads it. Empty: ~/.ssh/known_hosts. One that does not exist is made with the first key.
  /// Throws: std::invalid_argument naming a file that cannot be read.
  explicit known_hosts_file(const std::string& path = {});
  known_hosts_file(known_hosts_file&&) noexcept;
  known_hosts_file& operator=(known_hosts_file&&) noexcept;
  ~known_hosts_file();

  /// Adds the keys of one host, if the file knows no key of it. One answer for each.
  /// Throws: std::system_error naming the file if it cannot be written.
  std::vector<key_record> add(std::span<const host_key> of_one_host);

 private:
  class state;
  std::unique_ptr<state> state_;
};

}  // namespace execo
