// How clients log in: the methods that complete a login, the password, the prompts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command_line/usage_error.hpp"

namespace execo::fleet {

using command_line::usage_error;

/// Methods that complete a login one after another, as bits of libssh; and other such lists.
using method_lists = std::vector<std::vector<unsigned>>;

/// As AuthenticationMethods of sshd: "publickey,password publickey,keyboard-interactive".
/// Throws: usage_error.
method_lists parse_methods(std::string_view text);

class prompt {
 public:
  std::string text;
  std::string answer;
  bool echoes = false;
};

/// One request of keyboard-interactive: "Password: =secret"; several prompts with | between, one
/// that echoes after +. Throws: usage_error.
std::vector<prompt> parse_prompts(std::string_view text);

/// What a session has still to show.
class login {
 public:
  explicit login(const method_lists& accepted) : left_(accepted) {}

  /// That may be tried now.
  unsigned methods() const noexcept;
  /// It was good. True: that completes the login.
  bool pass(unsigned method);

 private:
  method_lists left_;
};

}  // namespace execo::fleet
