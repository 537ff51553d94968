// An execo-fleet on a free port, for the length of a test: own keys, one directory that goes with
// it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "program.hpp"

namespace execo::test {

/// A new directory, empty, that goes with all in it.
class scratch_directory {
 public:
  /// Throws: std::runtime_error.
  scratch_directory();
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory();

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

class fleet_fixture {
 public:
  /// Starts a fleet of these hosts and waits for its ready line. `more` are words of its command
  /// line: {"--exec", "canned"}.
  /// Throws: std::runtime_error with what it wrote if it does not get ready.
  explicit fleet_fixture(const std::string& hosts, const std::vector<std::string>& more = {});
  fleet_fixture(const fleet_fixture&) = delete;
  fleet_fixture& operator=(const fleet_fixture&) = delete;
  /// Ends it, if it still runs; aborts if that is not orderly or leaves anything.
  ~fleet_fixture();

  int port() const noexcept { return port_; }
  pid_t pid() const noexcept { return fleet_.pid(); }
  /// "execo-fleet: ready: ..."
  const std::string& ready_line() const noexcept { return ready_line_; }
  /// A private key that all hosts accept, from any user.
  std::string identity() const { return directory() + "/identity"; }
  /// Holds the host key of all hosts.
  std::string known_hosts() const { return directory() + "/known_hosts"; }
  /// "ssh-ed25519 AAAA..."
  std::string host_key() const;
  const std::string& directory() const noexcept { return directory_.path(); }

  /// Sends the signal, none if 0, and waits for the end.
  outcome end(int signal);
  /// The command line of an OpenSSH client; `options` are put before the host.
  std::vector<std::string> ssh(const std::string& host, const std::string& command,
                               const std::vector<std::string>& options = {}) const;

  /// The processes that its hosts run now, those included whose session has gone or that have made
  /// themselves daemons.
  std::vector<pid_t> commands() const;
  /// Whether there are none, or none within ten seconds.
  bool no_commands_left() const;
  /// The same for all processes: the commands, the fleet and its keeper.
  bool nothing_left() const;

 private:
  std::vector<std::string> command_line(const std::string& hosts,
                                        const std::vector<std::string>& more) const;
  std::vector<pid_t> processes() const;
  std::string mark() const;

  scratch_directory directory_;
  program fleet_;
  std::string ready_line_;
  int port_ = 0;
};

/// Asks every few milliseconds until it is so; false if it is not within ten seconds. For what only
/// the kernel knows and tells nobody, such as whether a process is still there.
bool soon(const std::function<bool()>& is_so);

}  // namespace execo::test
