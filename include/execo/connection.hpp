/// How to reach ssh hosts: identity, host keys, deadlines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "execo/host_rewrite.hpp"
#include "execo/secret.hpp"
#include "execo/time.hpp"

namespace execo {

class context;

/// What to do with a host key.
enum class host_keys : std::uint8_t {
  strict,      ///< the key must be known and equal, else host_key_rejected
  accept_new,  ///< unknown: accepted and written to the known_hosts file; changed: rejected
  ignore,      ///< any key, not recorded. Anyone on the path can read and alter what is sent
};

/// Which program speaks ssh.
enum class ssh_client : std::uint8_t {
  direct,     ///< this process, and `ssh` for a host that only that can log in to
  built_in,   ///< this process
  openssh,    ///< the `ssh` program, one for each command
  automatic,  ///< direct, and a tree for actions on many hosts if that is faster: see choose_way()
};

/// How a command becomes one of another user.
enum class become_method : std::uint8_t { sudo, su, doas };

/// The bare word: "sudo", "su" or "doas".
std::string_view to_string(become_method how) noexcept;

/// The bare word: "direct", "openssh", "libssh" for built_in, "auto" for automatic.
std::string_view to_string(ssh_client which) noexcept;

/// The bare word: "strict", "accept_new" or "ignore".
std::string_view to_string(host_keys policy) noexcept;

/// Time limits per host and phase. 0: no separate limit.
class deadlines {
 public:
  deadlines() = default;
  duration resolve{0};
  duration connect{0};
  duration kex{0};
  duration auth{0};
  /// From the end of authentication to the start of the command. 0: the same as `establish`.
  duration open{0};
  /// For all phases from the first one to the end of authentication. Without a value, the
  /// ConnectTimeout of ssh_config(5), else default_establish.
  std::optional<duration> establish;
  /// For the server's answer whether it still has output of a command that has ended, and for
  /// reading the output that still comes. 0: the default, 20 s.
  duration answer = std::chrono::seconds(20);

  static constexpr duration default_establish = std::chrono::seconds(20);

  friend bool operator==(const deadlines&, const deadlines&) = default;
};

/// A connection's options. Copied into an action once, shared by its hosts. What has no value here
/// comes from ssh_config(5), host by host, and what that does not set has the default named here.
class ssh_options {
 public:
  ssh_options() = default;
  std::string user;  // empty: the calling user's name
  int port = 0;      // 0: 22
  std::vector<std::string>
      identities;  // private key files; empty: ~/.ssh/id_ed25519, id_ecdsa, id_rsa
  /// Certificate files, each for one of the identities. `FILE-cert.pub` beside a key file is found
  /// without being named. Certificates are offered before all keys.
  std::vector<std::string> certificates;
  /// The socket of the ssh agent whose keys are offered, too. Empty: $SSH_AUTH_SOCK, as it was when
  /// the options were given to the action. "none": no agent.
  std::string agent;
  /// Offers only those keys of the agent that are identities as well.
  bool identities_only = false;
  /// Asked for the passphrases of encrypted key files, before the first host and once per file. Of
  /// the usual files that are encrypted one is asked for only if there is nothing else to log in
  /// with. Empty: encrypted files are of no use without an agent.
  secret_prompt passphrase;
  /// Asked for the password of a user, once for all hosts, if a host takes one and no key is enough
  /// for it. Empty: no passwords.
  secret_prompt password;
  /// Asked for each other question of a server, such as for a one-time code. Empty: no such login.
  secret_prompt one_time_code;
  /// Maximum number of requests to the agent in flight, in one context.
  unsigned agent_requests = 4;
  /// Without a value: strict.
  std::optional<execo::host_keys> host_key_policy;
  std::string known_hosts;                // empty: ~/.ssh/known_hosts
  std::vector<std::string> key_exchange;  // algorithm names in order; empty: libssh's own choice
  /// Path of a unix socket to connect to instead of the host's address: of a local daemon that
  /// leads to the host. %h is the host, %n as well, %p the port, %r the user, %% a percent sign.
  std::string unix_socket;
  /// Text of a program that leads to the host, whose standard input and output are the connection;
  /// run by your shell ($SHELL -c "exec TEXT"), once for each connection, and ended with it. The
  /// same tokens.
  std::string proxy_command;
  /// Hosts to connect through, in order, each [user@]host[:port] or ssh://...: as `ssh -J`. All
  /// hosts behind the last one share a connection to it, which is its own: its default user is the
  /// calling user and its default port 22, whatever `user` and `port` are here, and its identities,
  /// host keys and deadlines are those of these options. `jump`, `proxy_command` and `unix_socket`
  /// exclude each other.
  std::vector<std::string> jump;
  /// Which files of ssh_config(5) are read, once per context. Empty: ~/.ssh/config, then
  /// /etc/ssh/ssh_config. "none": none of them. Else this file in their place, which must exist.
  std::string config_file;
  /// Lines that come before the files, as ssh's -o takes them: "Compression=yes".
  std::vector<std::string> config_lines;
  execo::deadlines limits;
  /// How often a connection that is lost before the end of the key exchange is made again, while
  /// its deadlines allow. Without a value: as often as they do. 0: never.
  std::optional<unsigned> max_retries;
  unsigned handshakes = 64;  // at most this many in flight at a time, in one context
  /// Silence after which the kernel probes the host's kernel. A dead host is connection_lost after
  /// twice this time, by default after one minute. 0: never. Without a value: 30 s, or never if
  /// ssh_config(5) has TCPKeepAlive no.
  std::optional<duration> tcp_keepalive;
  /// Silence after which execo sends an ssh message that the server itself must answer, which also
  /// detects a frozen server and one behind a proxy. Without an answer it is connection_lost after
  /// four times this time. 0: never. Without a value: ServerAliveInterval of ssh_config(5), else
  /// never.
  std::optional<duration> keepalive;
  /// Commands on the same host with the same options and key files share a connection, at the same
  /// time where the server lets them, and it is kept for the next one when they have ended by
  /// themselves. false: each command has a connection of its own.
  bool reuse = true;
  /// How long an idle connection is kept. 0: as long as its server and its context allow.
  duration idle_close = std::chrono::seconds(60);
  /// Maximum number of idle connections in one context. They take at most a quarter of the
  /// descriptors of this process, and are closed, the oldest first, when none is left.
  std::size_t max_idle = 1024;

  /// The user whom the command runs as, once it is there. Empty: the one who is logged in.
  std::string become;
  execo::become_method become_method = execo::become_method::sudo;
  /// Asked for the password that this takes, once for all hosts, if a host asks for it.
  secret_prompt become_password;

  /// A script on the host, on a channel of its own, ends the commands of a connection, TERM and two
  /// seconds later KILL, when it has heard nothing of this process for this time, or when the
  /// connection has gone: nothing stays behind when this process is killed or the network is cut.
  /// A few seconds at least; a process that is stopped for longer loses its commands. Only with
  /// OpenSSH and dropbear on the host, two channels a connection and no forced command, which
  /// would be run once more; elsewhere the command is `unsupported` and not started. 0: none.
  duration lease{0};

  /// Which program speaks ssh.
  ssh_client via = ssh_client::direct;

  /// A program that takes commands to hosts in place of ssh: "docker exec -i %h", "rsh %h",
  /// "argv:unshare -r", "exec:". Empty: ssh. Its words are split as a shell does, and no shell
  /// reads them; %h, %p, %u and %n are the host's name, port, user and place in the action, %% is a
  /// percent sign. The command is added as one word, or as `sh -c TEXT` after the prefix "argv:",
  /// which docker, podman, kubectl, ip, chroot, systemd-run and srun need not have. "exec:" runs
  /// the command itself here, once for each host, with the tokens in its words replaced. What is
  /// run has the host's name in EXECO_HOST. The other options are for ssh, but for user and port.
  std::string connector;

  /// Called on a loop's thread when a host begins; the connection goes to the host that it returns,
  /// whatever carries it: that one's keys are checked, its lines of ssh_config(5) hold, and %h of a
  /// connector is its name. Results, handlers and `{{{host}}}` keep the name of the action. Hops
  /// are not rewritten.
  execo::host_rewrite host_rewrite;

  friend bool operator==(const ssh_options&, const ssh_options&) = default;
};

/// The value of ssh_options::jump from a list as `ssh -J` has it: "me@bastion,inner:2222", or
/// "none". Throws: std::invalid_argument naming a hop that cannot be read.
std::vector<std::string> jump_hosts(std::string_view list);

/// Closes the idle connections of a context soon. They are also closed when the context is
/// destroyed, or when its sync_wait returns.
/// Thread: any.
void close_idle_connections(context& of);

}  // namespace execo
