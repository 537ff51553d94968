// For what the root signs: an agent below asks in the name of an ssh that logs in to a host. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "wire/sign_messages.hpp"

namespace execo::detail {

/// What the root knows of the host that an ssh says it logs in to.
class sign_target {
 public:
  /// Given to the subtree that asks, and not up yet.
  bool is_on_its_way = false;
  std::string key;  // "ssh-ed25519 AAAA...", as it was given away
  std::string user;
  unsigned asked = 0;  // so often before
};

/// For one host: an ssh asks for the keys, and then for a signature by each that the server takes.
inline constexpr unsigned max_asked = 16;

/// Why there is no answer to it; empty: there is one. A signature is for a login alone, as that
/// host's user, in a session with that host: its key has signed the session's identifier, which is
/// the front of what is to be signed.
std::string_view why_not_answer(const sign_ask_message& ask, const sign_target& target);

}  // namespace execo::detail
