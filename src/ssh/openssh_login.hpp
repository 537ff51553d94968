// The answers to what the `ssh` program asks during the login of one connection: the password, once
// and to a prompt for it alone, the passphrases of key files, and what the user says to all other
// prompts of a server. What the built-in client does in secret_login.hpp, seen from ssh's log.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "execo/command.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "process/failure.hpp"
#include "ssh/askpass_socket.hpp"
#include "ssh/code_question.hpp"
#include "ssh/openssh_log.hpp"
#include "ssh/openssh_words.hpp"
#include "ssh/password_book.hpp"
#include "ssh/secret_login.hpp"

namespace execo::detail {

class openssh_login {
 public:
  /// `names`: the host as it is to be shown, and the user as far as it is known without the log.
  /// `look`, from the loop: follow() should be called, when `log` has been read. `idle`: as of
  /// askpass_socket.
  openssh_login(loop& on, const openssh_prompts& whom, const openssh_log& log, login_names names,
                delegate<> look, delegate<> idle);

  /// Has `ssh` ask here. Throws: std::system_error.
  void prepare(command& ssh, bool has_display);
  /// The process of ssh. Pre: prepare().
  void begin(pid_t ssh);
  /// Goes on with what is asked and with what the log says. `unchecked`: why the key of the host
  /// was not checked; empty: it was. True, once: ssh is to be ended, without another answer.
  bool follow(std::string_view unchecked);
  /// ssh has ended.
  void finish();
  /// Why the login has failed, if that is known here.
  std::optional<failure> why() const;

  /// No question is answered any more.
  void close();
  /// Pre: close().
  bool is_idle() const noexcept { return socket_.is_idle(); }

 private:
  // waiting for ssh to ask; a prompt waits for the password, which another login tries or the user
  // types; for the user, who is asked for a code or a passphrase; over: all is said.
  enum class stage : std::uint8_t { waiting, password, asking, over };
  enum class standing : std::uint8_t { unsent, sent, accepted };

  void note_log();
  void judge(std::string_view unchecked);
  void judge_other();
  void judge_passphrase();
  void judge_prompt(std::string_view unchecked);
  void take_password(std::string_view unchecked);
  void ask_user(std::string_view prompt);
  template <class Put>
  void put_question(Put put);
  void take_answer();
  void give(const secret& answer);
  void end_with_refusal();
  void end(failure_reason reason, std::string why);
  void look_soon() { loop_.arm_after(step_, clock::duration(0)); }
  void look_now() { look_(); }
  const std::string& user() const noexcept;
  const openssh_authentication& seen() const noexcept { return log_.authentication(); }

  loop& loop_;
  const openssh_prompts whom_;
  const openssh_log& log_;
  const login_names names_;
  const delegate<> look_;
  askpass_socket socket_;
  deadline_timer step_;
  std::optional<password_turn> turn_;
  std::optional<code_question> question_;
  std::vector<std::string> passphrases_;  // the prompts for them that were answered
  std::string why_;
  failure_reason reason_{};
  unsigned refusals_ = 0;  // before the last answer
  unsigned partial_ = 0;   // successes before it
  unsigned rounds_ = 0;    // of prompts
  stage stage_ = stage::waiting;
  standing password_is_ = standing::unsent;
  bool sent_code_ = false;
  bool is_on_the_way_ = false;  // to the host: what has failed
};

}  // namespace execo::detail
