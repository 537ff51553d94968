// The tools that run a command on many ssh hosts, and the arguments that give each the same work.
#pragma once

#include <string>
#include <vector>

#include "fanout_ssh/client_run.hpp"
#include "sshd_fixture.hpp"

namespace bench {

/// How the hosts of a table are reached.
class circumstance {
 public:
  int hosts = 0;
  int window = 64;
  /// All use the key exchange curve25519-sha256; else each its own default.
  bool pinned = true;
  bool through_jump = false;
  /// The socket of the agent that holds the key. Empty: the key is a file, and there is no agent.
  std::string agent;
};

/// A tool and the command line that runs `true` on each host once.
class tool {
 public:
  std::string name;
  words argv;
  words variables;
};

/// The same command line n times, one after another.
tool repeated(tool once, int times);

/// Hosts that are all one sshd, and the tools on them.
class ssh_field {
 public:
  ssh_field(const execo::test::sshd_fixture& server, circumstance how);

  const execo::test::sshd_fixture& server() const noexcept { return server_; }

  tool execo_run() const;
  /// A program on the library, which runs the command so many times on connections that it keeps.
  tool execo_pool(int runs) const;
  /// The same with asyncssh. With one run it closes each connection when its command has ended.
  tool asyncssh(int runs) const;
  /// A connection for each command.
  tool xargs_ssh() const;
  /// A connection for each host, kept by a master in the background (ControlMaster).
  tool ssh_with_masters() const;
  /// Those of parallel-ssh, clush and pdsh that are installed. They run ssh, and keep nothing.
  std::vector<tool> others() const;

  static bool has_asyncssh();
  /// The rivals that this machine does not have: "asyncssh clush".
  static std::string missing();

 private:
  std::string config() const;
  words kept_words(int runs) const;
  tool xargs(const std::string& name, const std::string& config) const;

  const execo::test::sshd_fixture& server_;
  circumstance how_;
  std::string directory_;
  std::string set_;
};

/// The first n addresses of 127.1.0.0/16, without network and broadcast endings.
words addresses(int n);
/// The same in one set: "127.1.0.[1-250]".
std::string address_set(int n);

}  // namespace bench
