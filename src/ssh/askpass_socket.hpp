// Where the program that one `ssh` asks for passwords puts its questions: a unix socket. Only
// processes of this user that know the token are heard, and it is known which are children of that
// ssh: what a ProxyCommand starts has the token, too.
#pragma once

#include <sys/types.h>

#include <string>
#include <system_error>

#include "base/fd.hpp"
#include "execo/secret.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class askpass_socket {
 public:
  /// `asked`, from the loop: there is a prompt. `idle`: after close(), nothing is pending any more.
  askpass_socket(loop& on, delegate<> asked, delegate<> idle) noexcept;
  askpass_socket(const askpass_socket&) = delete;
  askpass_socket& operator=(const askpass_socket&) = delete;
  ~askpass_socket();

  /// Throws: std::system_error if the kernel gives no random bytes.
  std::error_code open();
  /// The value of askpass_variable. Pre: open().
  const std::string& address() const noexcept { return address_; }
  /// Begins to call asked(). Pre: open().
  void watch(pid_t ssh);

  /// One is asked, and not answered yet.
  bool has_prompt() const noexcept { return stage_ == stage::asked; }
  /// Pre: has_prompt().
  const std::string& prompt() const noexcept { return prompt_; }
  /// That ssh itself asks. Pre: has_prompt().
  bool is_of_ssh() const noexcept { return is_of_ssh_; }
  /// False: ssh takes no such answer. Pre: has_prompt().
  bool answer(const secret& with);
  /// ssh goes on with an empty answer. Pre: has_prompt().
  void refuse();

  /// Nobody is heard any more. idle() follows from the loop, unless this is idle already.
  void close();
  /// Pre: close().
  bool is_idle() const noexcept { return !ready_.active; }

 private:
  // listening: no client is connected. reading: a client is connected, and its question is awaited.
  // asked: the client waits for its answer. closed: no client is accepted any more.
  // listening <-> reading <-> asked; from each of them to closed.
  enum class stage : std::uint8_t { listening, reading, asked, closed };

  void on_ready(int result);
  void accept_one();
  void read_question();
  bool look_at_asker();
  void listen();
  void wait_for(int fd);
  void leave();

  loop& loop_;
  const delegate<> asked_;
  const delegate<> idle_;
  unique_fd listening_;
  unique_fd asking_;  // who has come
  io_request ready_;
  std::string address_;
  std::string prompt_;
  pid_t ssh_ = 0;
  bool is_of_ssh_ = false;
  stage stage_ = stage::listening;
};

}  // namespace execo::detail
