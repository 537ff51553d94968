// The messages of the ssh agent protocol (draft-miller-ssh-agent) that a login needs, both ways:
// what agents answer, and what libssh asks one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace execo::detail {

/// A key or certificate that an agent holds.
class agent_key {
 public:
  std::string blob;
  std::string comment;
};

/// What a signature is asked for.
class signature_request {
 public:
  std::string key;   // the blob
  std::string data;  // to be signed
  std::uint32_t flags = 0;
};

enum class agent_reply : std::uint8_t {
  good,
  refused,    ///< the agent says that it does not
  malformed,  ///< it breaks the protocol
};

/// OpenSSH's limits.
constexpr std::size_t max_agent_message = std::size_t{256} * 1024;
constexpr std::size_t max_agent_keys = 2048;
/// Of a key and of a signature: the largest RSA certificates have a fifth of it.
constexpr std::size_t max_agent_field = std::size_t{16} * 1024;

/// Messages with their length in front, ready to be sent.
std::string list_request();
std::string sign_request(const signature_request& what);
std::string list_answer(const agent_key& only);
std::string sign_answer(std::string_view signature);

/// Of the bytes that have come: the length of the first message, behind its four bytes; none while
/// they are too few to say.
std::optional<std::size_t> first_message_size(std::string_view bytes) noexcept;

/// Messages without their length.
agent_reply read_list(std::string_view message, std::vector<agent_key>& keys);
agent_reply read_signature(std::string_view message, std::string& signature);
/// The request for a signature among those that were sent to an agent; none if there is none.
std::optional<signature_request> find_sign_request(std::string_view sent);

}  // namespace execo::detail
