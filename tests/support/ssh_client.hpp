// A plain blocking ssh client on libssh: what a test needs to meet a server, in a millisecond and
// without the library under test.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace execo::test {

class fleet_fixture;

/// How a remote command ended, as the server said.
class remote_outcome {
 public:
  remote_outcome() = default;

  int code = -1;       // -1: none came
  std::string signal;  // "TERM"; empty: none came
  std::string out, err;
  bool closed = false;  // whether the server closed the channel: without that, the connection went
};

class ssh_client {
 public:
  /// Connects and logs in.
  /// Throws: std::runtime_error.
  ssh_client(const fleet_fixture& fleet, const std::string& host);
  ssh_client(const ssh_client&) = delete;
  ssh_client& operator=(const ssh_client&) = delete;

  /// Runs a command to its end.
  remote_outcome run(const std::string& command, std::string_view input = {});

  ssh_session session() const noexcept { return session_.get(); }

 private:
  struct session_deleter {
    void operator()(ssh_session s) const noexcept;
  };

  std::unique_ptr<std::remove_pointer_t<ssh_session>, session_deleter> session_;
};

/// One command of a session. Several may run at a time.
class ssh_command {
 public:
  /// Throws: std::runtime_error if it is refused.
  ssh_command(ssh_client& client, const std::string& command);
  ~ssh_command();
  ssh_command(const ssh_command&) = delete;
  ssh_command& operator=(const ssh_command&) = delete;

  void write(std::string_view input);
  void close_input();
  /// "TERM"
  void signal(const std::string& name);
  /// Reads until stdout holds `text`; false if the command ended before.
  bool out_has(std::string_view text);
  /// Reads to the end.
  remote_outcome finish();

 private:
  bool turn();

  ssh_client& client_;
  ssh_channel channel_;
  ssh_channel_callbacks_struct callbacks_{};
  remote_outcome outcome_;
};

}  // namespace execo::test
