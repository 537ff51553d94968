#include "wire/sign_messages.hpp"

#include <string.h>

#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr auto sign_ask_fields = [](auto& c, auto& m) {
  require(c, m.hosts.single().has_value());
  c.u32(m.number);
  c.u32(m.target);
  require(c, m.target != no_host);
  c.choice(m.wish, sign_wish_count);
  c.text(m.host_key, sign_key_limit);
  c.text(m.session, sign_session_limit);
  c.text(m.proof, sign_key_limit);
  c.text(m.key, sign_key_limit);
  c.text(m.data, sign_data_limit);
  c.u32(m.flags);
  require(c, m.wish == sign_wish::signature || (m.key.empty() && m.data.empty()));
};

constexpr auto sign_answer_fields = [](auto& c, auto& m) {
  require(c, m.hosts.single().has_value());
  c.u32(m.number);
  c.text(m.text, sign_answer_limit);
  require(c, !m.text.empty());
};

constexpr auto certificate_fields = [](auto& c, auto& m) {
  c.text(m.key, private_key_limit);
  c.text(m.text, certificate_limit);
  require(c, !m.key.empty() && !m.text.empty());
};

}  // namespace

void sign_ask_message::encode(wire_writer& body) const {
  encode_message(body, *this, sign_ask_fields);
}
std::optional<sign_ask_message> sign_ask_message::decode(const frame& from) {
  return decode_message<sign_ask_message>(from, sign_ask_fields);
}

void sign_answer_message::encode(wire_writer& body) const {
  encode_message(body, *this, sign_answer_fields);
}
std::optional<sign_answer_message> sign_answer_message::decode(const frame& from) {
  return decode_message<sign_answer_message>(from, sign_answer_fields);
}

certificate_message::~certificate_message() { ::explicit_bzero(key.data(), key.size()); }
void certificate_message::encode(wire_writer& body) const {
  encode_message(body, *this, certificate_fields);
}
std::optional<certificate_message> certificate_message::decode(const frame& from) {
  return decode_message<certificate_message>(from, certificate_fields);
}

}  // namespace execo::detail
