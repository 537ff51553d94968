// What ssh asks an ssh agent (draft-miller-ssh-agent, and PROTOCOL.agent of OpenSSH), for agents of
// the tree that pass it on. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace execo::detail {

enum class ssh_agent_wish : std::uint8_t {
  keys,       // which keys there are
  signature,  // a signature of `data` by `key`
  bind,       // this connection is of the session `session`
  other,      // that it is refused
  malformed,  // it breaks the protocol
};

class ssh_agent_request {
 public:
  ssh_agent_wish wish = ssh_agent_wish::malformed;
  std::string_view key, data;
  std::uint32_t flags = 0;
  std::string_view host_key, session, proof;  // the key's signature of the session
  bool forwards = false;                      // the session is to carry this connection further
};

/// The longest message that is read.
inline constexpr std::size_t ssh_agent_request_limit = std::size_t{40} * 1024;

inline constexpr char ssh_agent_failure = 5;
inline constexpr char ssh_agent_success = 6;

/// The first message of bytes that have come, without its length; none yet: it is not whole. A
/// message that is empty or too long is `malformed`.
class ssh_agent_reader {
 public:
  /// How many bytes the first message takes with its length. None: too few have come.
  static std::optional<std::size_t> size_of(std::string_view bytes, bool& malformed) noexcept;
  /// Views of `message`, which has no length in front.
  static ssh_agent_request read(std::string_view message) noexcept;
  /// With its length in front.
  static std::string framed(std::string_view message);
};

}  // namespace execo::detail
