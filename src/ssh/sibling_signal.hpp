// Signals for a command that the server passes none to, and the end of what it started. A second
// channel of the same session runs a fixed script: its shell and the command have the same parent,
// the server's process that serves this connection and no other. OpenSSH's sshd ignores the
// "signal" request of root ("session signalling requires privilege separation", session.c), of a
// forced command and before 7.9; dropbear's reaches the shell alone; and none of them reaches what
// outlives the shell.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ssh/remote_channel.hpp"

namespace execo::detail {

/// What the server has made of the signal request: surely nothing, or it may have delivered it.
enum class delivery : std::uint8_t { none, possible };

/// How a script that ends a command stands, or ended. Of two that are over, the later one counts.
enum class script_state : std::uint8_t {
  waiting,         ///< nothing was heard of it
  accepted,        ///< the server runs it, or something else
  started,         ///< it runs
  at_work,         ///< it has found and signalled the command
  found_nothing,   ///< there was no command
  refused,         ///< the server opens no second channel
  something_else,  ///< the server ran another command than the script
  broken,          ///< it ended without a word
  not_permitted,   ///< what is left is another user's
  held,            ///< what is left was sent KILL
  gone,            ///< nothing is left of the command
};

class sibling_signal final {
 public:
  /// `changed` comes from the loop when a script that ends a command is at work or over.
  sibling_signal(remote_session& session, delegate<> changed);
  sibling_signal(const sibling_signal&) = delete;
  sibling_signal& operator=(const sibling_signal&) = delete;
  ~sibling_signal();

  /// The server is one that gives each connection a process of its own.
  static bool possible(const remote_session& session);
  /// The server is known not to pass signal requests of this user on to all of a command.
  static bool needed(const remote_session& session);
  /// Sends when `delay` has passed without cancel(). The latest signal counts.
  void send(int number, delivery before, clock::duration delay);
  void cancel() noexcept;
  /// Sends to all of the command's session, and KILL in `until_kill` to what is left of it, also
  /// when the connection has gone. False: there is no use in one more script.
  bool end(int number, clock::duration until_kill);

  /// A script has seen the command's processes, or never will.
  bool has_looked() const noexcept;
  /// Of all scripts that end the command.
  script_state state() const noexcept;

 private:
  class script;

  void go();
  bool is_sending() const noexcept;
  script& add(bool ends);

  remote_session& session_;
  delegate<> changed_;
  deadline_timer delay_;
  int wanted_ = 0;  // 0: none
  delivery before_ = delivery::possible;
  // Kept to the end: an event of a channel must not destroy it.
  std::vector<std::unique_ptr<script>> scripts_;
};

/// What the second channel runs: one signal.
std::string sibling_signal_script(int number, delivery before);
/// The same for the end of a command: the script stays until nothing is left of it.
std::string ending_script(int number, clock::duration until_kill);

}  // namespace execo::detail
