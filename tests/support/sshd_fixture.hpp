// A private ssh server, OpenSSH's sshd or another one, on a free loopback port, for the length of a
// test: own keys, own configuration, own log, one directory that goes with it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace execo::test {

/// The last three are programs of ours on a library: tests/data/ssh_servers.
enum class ssh_server : std::uint8_t { openssh, dropbear, tinyssh, asyncssh, paramiko, crypto_ssh };

/// All of 127.0.0.0/8 reaches it. As root it runs in a mount namespace of its own where that is
/// allowed: root's start-up files are hidden, and there is an ordinary user beside it.
class sshd_fixture {
 public:
  /// `more` is added to the configuration: "MaxSessions 1\n".
  /// Throws: std::runtime_error with sshd's log if it does not answer.
  explicit sshd_fixture(const std::string& more = {}, ssh_server which = ssh_server::openssh)
      : sshd_fixture(more, which, {}) {}
  /// `etc`: files that are below /etc for the server and its commands alone, by name: "sudoers".
  /// passwd has more users. They stay what they are if there is no namespace: see ordinary_user().
  sshd_fixture(const std::string& more, ssh_server which,
               const std::map<std::string, std::string>& etc);
  sshd_fixture(const sshd_fixture&) = delete;
  sshd_fixture& operator=(const sshd_fixture&) = delete;
  /// Ends the server, what it serves and what that left behind.
  ~sshd_fixture();

  /// Whether this machine has such a server. Dropbear and tinyssh need root and a mount namespace
  /// as well.
  static bool available(ssh_server which = ssh_server::openssh);

  int port() const noexcept { return port_; }
  pid_t pid() const noexcept { return pid_; }
  /// Who may log in: the caller.
  const std::string& user() const noexcept { return user_; }
  /// Another user that may log in and is not root; empty if there is none.
  const std::string& ordinary_user() const noexcept { return ordinary_user_; }
  /// Both: an sshd treats signals for root and for others differently.
  std::vector<std::string> login_users() const;
  /// A user, not root, whose login shell is that one: "csh". Empty if there is none.
  std::string user_with_shell(const std::string& name) const;
  /// A private key that the server accepts.
  std::string identity() const { return directory_ + "/identity"; }
  /// The public host key: "ssh-ed25519 AAAA...".
  std::string host_key() const;
  const std::string& directory() const noexcept { return directory_; }
  std::string log() const;

  /// The processes that the server's sessions run now, those included whose session has gone: the
  /// server adopts them.
  std::vector<pid_t> commands() const;
  /// Whether there are none, or none within ten seconds.
  bool no_commands_left() const;

 private:
  void make_files(const std::string& more, const std::map<std::string, std::string>& etc);
  std::string users() const;
  void execute_server() const;
  void execute_for_each_connection() const;
  std::vector<std::string> server_words() const;
  void start();
  void enter_namespace() const;
  void take_etc() const;
  void give_home_of_root() const;
  bool answers() const;
  void widen_backlog() const;
  void stop() noexcept;

  ssh_server which_;
  std::string directory_;
  std::string user_;
  std::string ordinary_user_;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace execo::test
