#include "wire/talk_messages.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr auto deliver_fields = [](auto& c, auto& m) {
  c.u32(m.from);
  require(c, m.from != no_host);
  c.rest(m.bytes);
  require(c, m.bytes.size() <= talk_limit);
};

constexpr auto accepted_fields = [](auto& c, auto& m) {
  require(c, m.hosts.single().has_value());
  c.u32(m.receivers);
};

void put_ranks(wire_writer& into, const index_ranges& ranks) { ranks.encode(into); }
void put_ranks(wire_reader& from, index_ranges& ranks) { ranks.decode(from); }

constexpr auto say_fields = [](auto& c, auto& m) {
  require(c, m.hosts.single().has_value());
  c.boolean(m.to_all);
  put_ranks(c, m.to_ranks);
  require(c, m.to_ranks.empty() == m.to_all);
  require(c, m.to_ranks.encoded_size() <= set_limit);
  c.rest(m.bytes);
  require(c, m.bytes.size() <= talk_limit);
};

constexpr auto consumed_fields = [](auto& c, auto& m) {
  require(c, m.hosts.single().has_value());
  c.u32(m.bytes);
  require(c, m.bytes != 0);
};

constexpr auto value_fields = [](auto& c, auto& m) {
  c.choice(m.operation, reduce_operation_count);
  c.choice(m.kind, reduce_kind_count);
  c.u64(m.bits);
  require(c, m.is_number() || (m.kind == reduce_kind::integer && m.bits == 0));
};

constexpr auto contribute_fields = [](auto& c, auto& m) {
  value_fields(c, m.value);
  c.rest(m.text);
  const bool is_text = m.value.operation == reduce_operation::histogram ||
                       m.value.operation == reduce_operation::fold;
  require(c, is_text ? m.text.size() <= talk_text_limit : m.text.empty());
  require(c, m.value.operation != reduce_operation::fold || m.hosts.single().has_value());
};

constexpr auto gathered_fields = [](auto& c, auto& m) {
  value_fields(c, m.value);
  c.u32(m.took);
  c.rest(m.text);
  require(c, m.text.size() <= talk_limit);
};

}  // namespace

double reduce_value::real() const noexcept {
  return kind == reduce_kind::real ? std::bit_cast<double>(bits) : static_cast<double>(integer());
}

void reduce_value::set(double value) noexcept {
  kind = reduce_kind::real;
  bits = std::bit_cast<std::uint64_t>(value);
}

void reduce_value::set(std::int64_t value) noexcept {
  kind = reduce_kind::integer;
  bits = static_cast<std::uint64_t>(value);
}

void reduce_value::join(const reduce_value& other) noexcept {
  assert(operation == other.operation);
  if (!is_number()) return;
  if (kind == reduce_kind::integer && other.kind == reduce_kind::integer) {
    if (operation == reduce_operation::sum)
      bits += other.bits;
    else if (operation == reduce_operation::minimum)
      set(std::min(integer(), other.integer()));
    else
      set(std::max(integer(), other.integer()));
    return;
  }
  const double mine = real(), theirs = other.real();
  if (operation == reduce_operation::sum)
    set(mine + theirs);
  else if (operation == reduce_operation::minimum)
    set(std::min(mine, theirs));
  else
    set(std::max(mine, theirs));
}

void deliver_message::encode(wire_writer& body) const {
  encode_message(body, *this, deliver_fields);
}
std::optional<deliver_message> deliver_message::decode(const frame& from) {
  return decode_message<deliver_message>(from, deliver_fields);
}

void accepted_message::encode(wire_writer& body) const {
  encode_message(body, *this, accepted_fields);
}
std::optional<accepted_message> accepted_message::decode(const frame& from) {
  return decode_message<accepted_message>(from, accepted_fields);
}

void say_message::encode(wire_writer& body) const { encode_message(body, *this, say_fields); }
std::optional<say_message> say_message::decode(const frame& from) {
  return decode_message<say_message>(from, say_fields);
}

void consumed_message::encode(wire_writer& body) const {
  encode_message(body, *this, consumed_fields);
}
std::optional<consumed_message> consumed_message::decode(const frame& from) {
  return decode_message<consumed_message>(from, consumed_fields);
}

void contribute_message::encode(wire_writer& body) const {
  encode_message(body, *this, contribute_fields);
}
std::optional<contribute_message> contribute_message::decode(const frame& from) {
  return decode_message<contribute_message>(from, contribute_fields);
}

void gathered_message::encode(wire_writer& body) const {
  encode_message(body, *this, gathered_fields);
}
std::optional<gathered_message> gathered_message::decode(const frame& from) {
  return decode_message<gathered_message>(from, gathered_fields);
}

}  // namespace execo::detail
