// Signals for a command that the server passes none to, and the end of what it started, by the
// signal helper of its connection. OpenSSH's sshd ignores the "signal" request of root ("session
// signalling requires privilege separation", session.c), of a forced command and before 7.9;
// dropbear's reaches the shell alone; and none of them reaches what outlives the shell.
#pragma once

#include <deque>

#include "ssh/signal_helper.hpp"

namespace execo::detail {

class sibling_signal final {
 public:
  /// `changed` comes from the loop when a script that ends the command is at work or over.
  sibling_signal(session_lease& lease, delegate<> changed);
  sibling_signal(const sibling_signal&) = delete;
  sibling_signal& operator=(const sibling_signal&) = delete;
  ~sibling_signal();

  /// The server is one that gives each connection a process of its own.
  static bool possible(const remote_session& session);
  /// The server is known not to pass requests of this user for that signal on to all of a command.
  static bool needed(const remote_session& session, int number);
  /// Sends when `delay` has passed without cancel(). The latest signal counts.
  void send(int number, delivery before, clock::duration delay);
  void cancel() noexcept;
  /// Before the lease is given back: the script goes on without us.
  void leave() noexcept;
  /// Sends to all of the command's session, and KILL in `until_kill` to what is left of it, also
  /// when the connection has gone. False: there is no use in one more request.
  bool end(int number, clock::duration until_kill);

  /// A script has seen the command's processes, or never will.
  bool has_looked() const noexcept;
  /// Of all requests that end the command.
  script_state state() const noexcept;

 private:
  using kind = signal_request::kind;

  remote_session& session() const noexcept { return lease_.session(); }
  void go();
  void on_change();
  bool is_sending() const noexcept;
  signal_request& add(kind what);

  session_lease& lease_;
  delegate<> changed_;
  deadline_timer delay_;
  int wanted_ = 0;  // 0: none
  delivery before_ = delivery::possible;
  std::deque<signal_request> requests_;
};

}  // namespace execo::detail
