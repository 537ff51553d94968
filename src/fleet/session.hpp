// One ssh connection, from accept to its last byte, without ever blocking.
//
// Invariant: after any libssh call every command of the session is looked at again before the loop
// waits, since libssh hands out packets of all channels whichever channel the call was about.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "fleet/faults.hpp"
#include "fleet/listener.hpp"
#include "fleet/logins.hpp"
#include "fleet/reactor.hpp"

namespace execo::fleet {

class command;
class server;

class session {
 public:
  session(server& owner, const endpoints& ends, const fault& f);
  ~session();
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  /// Takes the accepted socket, non-blocking.
  /// Throws: std::exception if there is not enough memory for one more session.
  void start(unique_fd fd);
  /// Does all that can be done without waiting.
  void pump();
  void pump_soon();
  /// Sends nothing any more. The processes of commands keep running.
  void close();
  /// What is sent from now on leaves in full segments, or when the connection is closed.
  void gather_segments() const noexcept;
  /// Resets the connection when all that was written has been sent; sends a disconnect message
  /// first if the host's fault says so.
  void drop_when_flushed() noexcept { dropping_ = true; }

  bool closed() const noexcept { return state_ == state::closed; }
  /// Whether libssh has bytes that the socket does not take. If so, no more should be written.
  bool congested() const noexcept;
  server& owner() noexcept { return owner_; }
  const fault& host_fault() const noexcept { return fault_; }
  const endpoints& ends() const noexcept { return ends_; }

  std::size_t index = 0;     // where the server keeps it
  bool pump_queued = false;  // whether the server will pump it at the end of this turn

 private:
  enum class state { mute, key_exchange, login, open, closed };

  void begin(unique_fd fd);
  void be_mute();
  void disconnect(const char* words);
  void on_ready(std::uint32_t events);
  void on_login_deadline();
  bool exchange_keys();
  bool advance_commands();
  void close_if_idle();
  bool gone() const noexcept;

  static int on_public_key(ssh_session, const char* user, ssh_key_struct* key, char signature,
                           void* self) noexcept;
  static int on_password(ssh_session, const char* user, const char* given, void* self) noexcept;
  static ssh_channel on_channel_open(ssh_session, void* self) noexcept;
  int answer_secret(ssh_message message);
  void answer_keyboard(ssh_message message);
  void ask(ssh_message message);
  bool are_right(const std::vector<prompt>& asked) const;
  void reply(ssh_message message, bool good);
  int pass(unsigned method);
  static int on_message(ssh_session, ssh_message message, void* self) noexcept;

  server& owner_;
  const fault& fault_;
  endpoints ends_;
  state state_ = state::mute;
  bool dropping_ = false;
  const char* last_words_ = nullptr;  // to disconnect with, once libssh has been left
  bool watching_output_ = false;
  bool dirty_ = false;  // a callback changed something since the commands were last advanced
  int fd_ = -1;         // owned by ssh_, or by silent_
  unique_fd silent_;    // the socket of a host that never uses libssh
  ssh_session ssh_ = nullptr;
  login login_;
  std::size_t asked_ = 0;  // requests of keyboard-interactive that were answered
  watch watch_;
  deadline_timer login_deadline_;
  ssh_server_callbacks_struct callbacks_{};
  std::vector<std::unique_ptr<command>> commands_;
};

}  // namespace execo::fleet
