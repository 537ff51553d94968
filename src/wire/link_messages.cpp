#include "wire/link_messages.hpp"

#include <algorithm>
#include <limits>

#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr auto hello_fields = [](auto& c, auto& m) {
  c.u32(m.magic);
  c.u16(m.protocol_min);
  c.u16(m.protocol_max);
  require(c, m.protocol_min <= m.protocol_max);
  c.raw(m.build);
  c.raw(m.nonce);
  c.u32(m.capabilities);
  c.choice(m.arch, machine_count);
  c.u16(m.cores);
  c.u64(m.memory_available);
  c.u32(m.open_files);
  c.raw(m.boot_id);
  c.u32(m.pid);
};

// A heartbeat of zero would be all that a link does.
constexpr auto welcome_fields = [](auto& c, auto& m) {
  c.u16(m.protocol);
  c.raw(m.tree_secret);
  c.u32(m.index);
  require(c, m.index != no_host);
  c.u8(m.depth);
  c.u32(m.heartbeat_ms);
  c.u32(m.dead_ms);
  require(c, m.heartbeat_ms > 0 && m.dead_ms > m.heartbeat_ms);
  c.u32(m.orphan_grace_ms);
  c.u32(m.link_window);
  c.u32(m.stream_window);
  require(c, m.link_window > 0 && m.stream_window > 0);
  c.word(m.host, name_limit);
  c.word(m.father, name_limit);
  if (m.protocol >= 2) c.u32(m.grooming_ms);
};

constexpr auto credit_fields = [](auto& c, auto& m) {
  c.u8(m.stream);
  c.u32(m.data);
  c.u32(m.control);
  if (m.run == 0)
    require(c, m.stream == 0 && (m.data > 0 || m.control > 0));
  else
    require(c, m.stream < 3 && m.data > 0 && m.control == 0);
};

constexpr auto token_fields = [](auto& c, auto& m) { c.u64(m.token); };

constexpr auto goodbye_fields = [](auto& c, auto& m) {
  c.choice(m.reason, goodbye_reason_count);
  c.text(m.text, reason_limit);
  c.u32(m.used.agents);
  c.u64(m.used.cpu_us);
  c.u64(m.used.memory_kib);
};

template <class Number>
void add_up_to_most(Number& to, Number more) noexcept {
  const Number room = std::numeric_limits<Number>::max() - to;
  to = static_cast<Number>(to + std::min(more, room));
}

}  // namespace

agent_usage& agent_usage::operator+=(const agent_usage& more) noexcept {
  add_up_to_most(agents, more.agents);
  add_up_to_most(cpu_us, more.cpu_us);
  add_up_to_most(memory_kib, more.memory_kib);
  return *this;
}

void hello_message::encode(wire_writer& body) const { encode_message(body, *this, hello_fields); }
std::optional<hello_message> hello_message::decode(const frame& from) {
  return decode_message<hello_message>(from, [](wire_reader& c, hello_message& m) {
    hello_fields(c, m);
    std::string_view more;
    if (m.protocol_max > protocol_highest) c.rest(more);
  });
}

void welcome_message::encode(wire_writer& body) const {
  encode_message(body, *this, welcome_fields);
}
std::optional<welcome_message> welcome_message::decode(const frame& from) {
  return decode_message<welcome_message>(from, welcome_fields);
}

void credit_message::encode(wire_writer& body) const { encode_message(body, *this, credit_fields); }
std::optional<credit_message> credit_message::decode(const frame& from) {
  return decode_message<credit_message>(from, credit_fields);
}

void ping_message::encode(wire_writer& body) const { encode_message(body, *this, token_fields); }
std::optional<ping_message> ping_message::decode(const frame& from) {
  return decode_message<ping_message>(from, token_fields);
}

void pong_message::encode(wire_writer& body) const { encode_message(body, *this, token_fields); }
std::optional<pong_message> pong_message::decode(const frame& from) {
  return decode_message<pong_message>(from, token_fields);
}

void goodbye_message::encode(wire_writer& body) const {
  encode_message(body, *this, goodbye_fields);
}
std::optional<goodbye_message> goodbye_message::decode(const frame& from) {
  return decode_message<goodbye_message>(from, goodbye_fields);
}

}  // namespace execo::detail
