// What the sessions of actions with the same options share. On one loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "execo/connection.hpp"
#include "loop/loop.hpp"
#include "ssh/caller.hpp"
#include "ssh/connection_settings.hpp"
#include "ssh/descriptor_queue.hpp"
#include "ssh/handshake_limiter.hpp"
#include "ssh/hop.hpp"
#include "ssh/host_key_store.hpp"
#include "ssh/identity.hpp"
#include "ssh/login_offers.hpp"
#include "ssh/resolver.hpp"

namespace execo::detail {

class ssh_environment {
 public:
  /// Throws: std::invalid_argument naming a key or known_hosts file that cannot be used.
  ssh_environment(loop& on, const ssh_options& options, const ssh_caller& by,
                  connection_settings also);

  /// Whether an action with these options may share it, its sessions included: they stand for the
  /// same, and the key files are what they were.
  bool serves(const ssh_options& options, const ssh_caller& by,
              const connection_settings& also) const;
  /// For one more action: reads what may have changed since. Throws: as the constructor.
  void refresh();

  /// Its hosts are behind others.
  bool has_hops() const noexcept { return !options_.jump.empty(); }
  std::size_t hop_count() const noexcept { return options_.jump.size(); }
  /// Pre: has_hops(). Throws: std::invalid_argument as the constructor.
  const ssh_hop& last_hop();
  /// It is asked for again. What needs itself would keep itself otherwise.
  void forget_hop() noexcept { hop_ = ssh_hop(); }
  /// For each hop on its own.
  const deadlines& hop_limits() const noexcept { return options_.limits; }
  const ssh_options& options() const noexcept { return options_; }

  loop& home;
  const ssh_caller caller;
  const std::string user;           // who to log in as by default
  const std::string terminal;       // the name of our own, for one that is asked for
  const int port;                   // by default
  const duration answer_limit;      // for a server that is asked
  const std::string key_exchange;   // comma separated; empty: libssh's own order
  const std::string way;            // to its hosts: what distinguishes it from others
  const std::string unix_socket;    // with tokens; empty: none
  const std::string proxy_command;  // the same
  const std::optional<unsigned> max_retries;
  const duration tcp_keepalive;  // 0: none
  const duration keepalive;      // 0: none
  const bool reuse;              // of its sessions
  const duration idle_close;     // 0: none
  const std::size_t max_idle;
  const duration lease;  // of its commands; 0: none
  const connection_settings settings;
  identity_set identities;
  login_offers offers;
  const std::shared_ptr<host_key_store> known_keys;
  host_key_store& host_keys;  // those
  handshake_limiter handshakes;
  descriptor_queue descriptors;
  resolver names;
  /// The time at which an action began that uses it, the last one.
  clock::time_point asked_at;
  /// Bytes that channels keep for readers that do not take them now.
  std::size_t held_back = 0;
  /// A server refused a channel that came soon after another one was closed: it counts those that
  /// it has not cleared away (MaxSessions). From then on they are given the time.
  bool channels_end_late = false;

 private:
  const ssh_options options_;
  ssh_hop hop_;  // the last one, once it was asked for
};

}  // namespace execo::detail
