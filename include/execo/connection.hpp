/// How to reach ssh hosts: identity, host keys, deadlines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "execo/time.hpp"

namespace execo {

class context;

/// What to do with a host key.
enum class host_keys : std::uint8_t {
  strict,      ///< known and equal, or host_key_rejected
  accept_new,  ///< unknown: accepted and written to the known_hosts file; changed: rejected
  ignore,      ///< any key, not recorded. Anyone on the path can read and alter what is sent
};

/// The bare word: "strict", "accept_new" or "ignore".
std::string_view to_string(host_keys policy) noexcept;

/// Limits per host and phase. 0: no limit of its own.
class deadlines {
 public:
  deadlines() = default;
  duration resolve{0};
  duration connect{0};
  duration kex{0};
  duration auth{0};
  /// From the end of authentication to the start of the command. 0: as long as `establish`.
  duration open{0};
  /// From the first step to the end of authentication, whichever phase it is in. Default 20 s.
  duration establish = std::chrono::seconds(20);
  /// For the server to say whether it still has output of a command that has ended; what keeps
  /// coming is read that long, too. 0: as the default, 20 s.
  duration answer = std::chrono::seconds(20);

  friend bool operator==(const deadlines&, const deadlines&) = default;
};

/// A connection's options. Copied into an action once, shared by its hosts.
class ssh_options {
 public:
  ssh_options() = default;
  std::string user;  // empty: the calling user's name
  int port = 0;      // 0: 22
  std::vector<std::string>
      identities;  // private key files; empty: ~/.ssh/id_ed25519, id_ecdsa, id_rsa
  execo::host_keys host_key_policy = execo::host_keys::strict;
  std::string known_hosts;                // empty: ~/.ssh/known_hosts
  std::vector<std::string> key_exchange;  // algorithm names in order; empty: libssh's own choice
  execo::deadlines limits;
  unsigned handshakes = 64;  // at most this many in flight at a time, in one context
  /// Silence after which the kernel asks the host's kernel whether it is still there, and half the
  /// time after which a host that is gone is connection_lost: one minute by default. 0: never.
  duration tcp_keepalive = std::chrono::seconds(30);
  /// The same question as an ssh message, which the server itself has to answer: one that is frozen
  /// or behind a proxy is noticed, too. A quarter of the time after which it is connection_lost.
  /// 0, the default: never.
  duration keepalive{0};
  /// A connection is kept when its command has ended by itself, for the next command on the same
  /// host with the same options and key files; false: it is closed, and none that was kept is used.
  bool reuse = true;
  /// How long one is kept that no command uses. 0: as long as its server and its context let it.
  duration idle_close = std::chrono::seconds(60);
  /// How many of those, in one context. They never take more than a quarter of the descriptors that
  /// this process may have, and are closed first when there are none left. The oldest go first.
  std::size_t max_idle = 1024;

  friend bool operator==(const ssh_options&, const ssh_options&) = default;
};

/// Closes the connections that no command uses, soon. Those of a context that is destroyed, or
/// whose sync_wait returns, are closed by that.
/// Thread: any.
void close_idle_connections(context& of);

}  // namespace execo
