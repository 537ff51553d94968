// What the sessions of one action share. On one loop.
#pragma once

#include <string>

#include "execo/connection.hpp"
#include "loop/loop.hpp"
#include "ssh/caller.hpp"
#include "ssh/descriptor_queue.hpp"
#include "ssh/handshake_limiter.hpp"
#include "ssh/host_key_store.hpp"
#include "ssh/identity.hpp"
#include "ssh/resolver.hpp"

namespace execo::detail {

class ssh_environment {
 public:
  /// Throws: std::invalid_argument naming a key or known_hosts file that cannot be used.
  ssh_environment(loop& on, const ssh_options& options, const ssh_caller& by);

  loop& home;
  const std::string user;          // who to log in as by default
  const std::string terminal;      // the name of our own, for one that is asked for
  const int port;                  // by default
  const duration answer_limit;     // for a server that is asked
  const std::string key_exchange;  // comma separated; empty: libssh's own order
  const duration tcp_keepalive;    // 0: none
  const duration keepalive;        // 0: none
  identity_set identities;
  host_key_store host_keys;
  handshake_limiter handshakes;
  descriptor_queue descriptors;
  resolver names;
};

}  // namespace execo::detail
