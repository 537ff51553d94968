// The part of a login after the keys: the password of the user, and the answers to the prompts of a
// server (`password` and `keyboard-interactive`, RFC 4252 and 4256).
//
// The password goes to a host whose key was checked, once, and to no prompt but one for it. All
// other prompts are for the user.
#pragma once

#include <cstdint>
#include <string>

#include "execo/status.hpp"
#include "ssh/code_question.hpp"
#include "ssh/environment.hpp"
#include "ssh/libssh.hpp"
#include "ssh/password_book.hpp"

namespace execo::detail {

/// Who logs in where.
class login_names {
 public:
  std::string user;
  std::string host;
};

class server_prompt;

class secret_login {
 public:
  /// `wake` is called when go_on() should be, apart from what comes from the server.
  secret_login(ssh_environment& shared, const login_names& names, delegate<> wake);

  /// False, and wakes later: the user is being asked, or another login tries the password. One that
  /// began now would wait with its connection open.
  bool may_begin();
  /// The key of the host was checked.
  void trust_host() noexcept { trusts_host_ = true; }
  /// SSH_AUTH_SUCCESS, SSH_AUTH_PARTIAL, SSH_AUTH_AGAIN, or SSH_AUTH_DENIED for the last time. Any
  /// other result: the connection is lost.
  int go_on(ssh_session_struct* session);
  /// After SSH_AUTH_AGAIN: not for the server.
  bool waits_here() const noexcept { return waits_here_; }
  /// The connection was lost. True: the server wants a new password.
  bool ends_with_change(ssh_session_struct* session);
  /// The server has said goodbye. True: that was to the password.
  bool ends_with_refusal();
  /// Why it was denied; empty: there was nothing to try.
  const std::string& why() const noexcept { return why_; }
  failure_reason reason() const noexcept { return reason_; }

 private:
  // choosing a method; listing those of the server; password, keyboard: the server is to answer;
  // answering: its prompts are here; asking the user about one of them; over: nothing is left.
  enum class stage : std::uint8_t {
    choosing,
    listing,
    password,
    keyboard,
    answering,
    asking,
    over
  };
  enum class standing : std::uint8_t { unsent, sent, accepted };

  int step(ssh_session_struct* session);
  int keep(int result) noexcept;
  void choose(unsigned methods);
  int list(ssh_session_struct* session);
  int take_password();
  int send_password(ssh_session_struct* session);
  int exchange(ssh_session_struct* session);
  int refused_answers();
  int answer(ssh_session_struct* session);
  int ask_user(const server_prompt& what);
  int take_code(ssh_session_struct* session);
  int leave_keyboard(const server_prompt& at);
  int end(failure_reason reason, std::string why);
  int end_with_refused_password();
  bool has_password() const noexcept {
    return password_.is_possible() && password_is_ == standing::unsent;
  }
  bool has_user() const noexcept { return static_cast<bool>(shared_.options().one_time_code); }

  ssh_environment& shared_;
  const login_names names_;
  password_turn password_;
  code_question code_;
  user_pause::waiter end_of_questions_;
  std::string why_;
  failure_reason reason_{};
  unsigned tried_ = 0;     // methods that are of no further use
  unsigned rounds_ = 0;    // of prompts
  unsigned answered_ = 0;  // prompts of this round
  stage stage_ = stage::choosing;
  standing password_is_ = standing::unsent;
  bool trusts_host_ = false;
  bool waits_here_ = false;
  bool sent_code_ = false;
};

}  // namespace execo::detail
