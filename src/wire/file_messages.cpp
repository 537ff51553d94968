#include "wire/file_messages.hpp"

#include "wire/blake2b.hpp"
#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr std::uint32_t permission_bits = 07777;

constexpr auto order_fields = [](auto& c, auto& m) {
  c.u32(m.content);
  c.u64(m.size);
  c.u8(m.flags);
  require(c, (m.flags & ~file_flags_all) == 0);
  c.u32(m.facts.mode);
  require(c, (m.facts.mode & ~permission_bits) == 0);
  c.u64(m.facts.modified);
  c.u32(m.facts.user);
  c.u32(m.facts.group);
  c.word(m.name, file_name_limit);
  require(c, !m.name.empty() && m.name != "." && m.name != "..");
  require(c, m.name.find('/') == std::string::npos);
  c.word(m.destination, file_path_limit);
  require(c, !m.destination.empty());
};

constexpr auto part_fields = [](auto& c, auto& m) {
  c.u32(m.content);
  c.varint(m.offset);
  c.raw(m.digest);
  c.rest(m.bytes);
  require(c, !m.bytes.empty() && m.bytes.size() <= file_part_limit);
};

constexpr auto end_fields = [](auto& c, auto& m) {
  c.u32(m.content);
  c.raw(m.digest);
};

constexpr auto none_fields = [](auto& c, auto& m) {
  c.u32(m.content);
  c.text(m.text, reason_limit);
};

constexpr auto forget_fields = [](auto& c, auto& m) { c.u32(m.content); };

constexpr auto want_fields = [](auto& c, auto& m) {
  c.u32(m.content);
  c.u32(m.room);
  require(c, m.room > 0);
};

}  // namespace

void file_order_message::encode(wire_writer& body) const {
  encode_message(body, *this, order_fields);
}
std::optional<file_order_message> file_order_message::decode(const frame& from) {
  return decode_message<file_order_message>(from, order_fields);
}

void file_part_message::encode(wire_writer& body) const {
  encode_message(body, *this, part_fields);
}
std::optional<file_part_message> file_part_message::decode(const frame& from) {
  return decode_message<file_part_message>(from, part_fields);
}

void file_end_message::encode(wire_writer& body) const { encode_message(body, *this, end_fields); }
std::optional<file_end_message> file_end_message::decode(const frame& from) {
  return decode_message<file_end_message>(from, end_fields);
}

void file_none_message::encode(wire_writer& body) const {
  encode_message(body, *this, none_fields);
}
std::optional<file_none_message> file_none_message::decode(const frame& from) {
  return decode_message<file_none_message>(from, none_fields);
}

void file_forget_message::encode(wire_writer& body) const {
  encode_message(body, *this, forget_fields);
}
std::optional<file_forget_message> file_forget_message::decode(const frame& from) {
  return decode_message<file_forget_message>(from, forget_fields);
}

void file_want_message::encode(wire_writer& body) const {
  encode_message(body, *this, want_fields);
}
std::optional<file_want_message> file_want_message::decode(const frame& from) {
  return decode_message<file_want_message>(from, want_fields);
}

void file_chain::add(const bytes16& part) {
  std::string both(digest_.data(), digest_.size());
  both.append(part.data(), part.size());
  digest_ = blake2b128(both);
}

}  // namespace execo::detail
