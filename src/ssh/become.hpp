// What makes a command one of another user of its host, and what `sudo`, `su` and `doas` say when
// it does not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "execo/connection.hpp"
#include "process/failure.hpp"

namespace execo::detail {

/// Who becomes whom where, and how.
class become_who {
 public:
  become_who() = default;

  become_method how = become_method::sudo;
  std::string user;   // whom the command runs as
  std::string login;  // who is logged in
  std::string host;   // for people

  /// Whose password it takes, as far as is known here.
  const std::string& password_of() const noexcept {
    return how == become_method::su ? user : login;
  }
};

/// Words on the outputs of one command that nothing else writes: they are random, and the text that
/// is sent has them in two halves, so that a shell which shows what it runs does not write them.
class become_marks {
 public:
  /// Throws: std::system_error.
  static become_marks random();

  std::string begun;    // the text runs, and what follows is from the program of the method
  std::string prompt;   // of sudo; the others have one of their own
  std::string started;  // the command is next: on both outputs, or once on its terminal
};

/// The text for the login shell of the host. `text` is for a POSIX sh of the other user.
std::string become_text(const become_who& who, const become_marks& marks, const std::string& text,
                        bool terminal);

/// Where in `words` a prompt for the password ends; npos: there is none.
std::size_t find_become_prompt(std::string_view words, const become_who& who,
                               const become_marks& marks);

/// A prompt came again after the password, or the program said so at its end.
failure wrong_become_password(const become_who& who);
/// It was refused on another host.
failure refused_become_password(const become_who& who, const std::string& by);
failure missing_become_password(const become_who& who);
/// What keeps a host's key from being checked: the policy, or what ssh_config says.
enum class unchecked_by : std::uint8_t { policy, files };
/// No password goes there.
failure unchecked_become_host(const become_who& who, unchecked_by what);
/// It asks for something that is not the password.
failure other_become_question(const become_who& who, std::string_view question);

/// What is known of a command that ended before it was started.
class become_end {
 public:
  become_end() = default;

  std::string words;      // of the program
  std::string status;     // for people: "exit code 1"
  bool begun = false;     // the text ran
  bool answered = false;  // the password was sent
  bool terminal = false;
};

failure why_not_become(const become_who& who, const become_end& end);

}  // namespace execo::detail
