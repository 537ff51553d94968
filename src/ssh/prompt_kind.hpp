// What a server's prompt (RFC 4256) asks for, as far as its text shows.
#pragma once

#include <cstdint>
#include <string_view>

namespace execo::detail {

enum class prompt_kind : std::uint8_t {
  password,      ///< the user's, and nothing else
  new_password,  ///< or the old one once more, to change it
  other,         ///< anything else: a code, a number of a menu, a text that is not known
};

/// A text that is not known to ask for the password is `other`: a password never goes to a prompt
/// that may be for something else.
prompt_kind kind_of_prompt(std::string_view text);

}  // namespace execo::detail
