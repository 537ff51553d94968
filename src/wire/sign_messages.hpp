// Messages about logins of agents that have no keys: what an ssh of theirs asks an ssh agent goes
// up to the root, and what that answers comes down. See messages.hpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

enum class sign_wish : std::uint8_t {
  keys,       // which there are
  signature,  // by one of them
};
inline constexpr std::uint8_t sign_wish_count = 2;

/// An ssh that leads to `target` asks. What it has said of its session, the host key, the session's
/// identifier and the key's signature of it, is empty if it has said nothing.
class sign_ask_message {
 public:
  static constexpr frame_type type = frame_type::sign_ask;
  sign_ask_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<sign_ask_message> decode(const frame& from);
  friend bool operator==(const sign_ask_message&, const sign_ask_message&) = default;

  index_ranges hosts;        // the agent that asks, alone
  std::uint32_t number = 0;  // the answer has it, too
  std::uint32_t target = 0;
  sign_wish wish = sign_wish::keys;
  std::string host_key, session, proof;
  std::string key, data;  // of a signature: both are empty otherwise
  std::uint32_t flags = 0;
};

class sign_answer_message {
 public:
  static constexpr frame_type type = frame_type::sign_answer;
  sign_answer_message() = default;
  void encode(wire_writer& body) const;
  static std::optional<sign_answer_message> decode(const frame& from);
  friend bool operator==(const sign_answer_message&, const sign_answer_message&) = default;

  index_ranges hosts;  // the agent that has asked, alone
  std::uint32_t number = 0;
  std::string text;  // a message of an ssh agent, without its length
};

/// What the child, and those that it gives it on to, log in to further hosts with from now on. The
/// key is wiped when it goes.
class certificate_message {
 public:
  static constexpr frame_type type = frame_type::certificate;
  certificate_message() = default;
  certificate_message(const certificate_message&) = default;
  certificate_message(certificate_message&&) = default;
  certificate_message& operator=(const certificate_message&) = default;
  certificate_message& operator=(certificate_message&&) = default;
  ~certificate_message();
  void encode(wire_writer& body) const;
  static std::optional<certificate_message> decode(const frame& from);
  friend bool operator==(const certificate_message&, const certificate_message&) = default;

  std::string key;   // the text of a private key file of OpenSSH
  std::string text;  // of the file of its certificate
};

}  // namespace execo::detail
