#include "wire/file_messages.hpp"

#include "base/entry_name.hpp"
#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr std::uint32_t permission_bits = 07777;

constexpr auto facts_fields = [](auto& c, auto& facts) {
  c.u32(facts.mode);
  require(c, (facts.mode & ~permission_bits) == 0);
  c.u64(facts.modified);
  c.u32(facts.user);
  c.u32(facts.group);
};

bool is_path_below(std::string_view path) noexcept {
  for (;;) {
    const std::size_t end = path.find('/');
    if (!is_entry_name(path.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

constexpr auto entry_fields = [](auto& c, auto& m) {
  c.choice(m.what, 3);
  facts_fields(c, m.facts);
  c.u64(m.size);
  require(c, m.what == file_entry::kind::file || m.size == 0);
  c.word(m.name, file_path_limit);
  require(c, is_path_below(m.name));
  c.word(m.target, file_path_limit);
  require(c, m.target.empty() == (m.what != file_entry::kind::link));
};

constexpr auto order_fields = [](auto& c, auto& m) {
  c.u32(m.content);
  c.u64(m.size);
  c.choice(m.form, file_form_count);
  c.u8(m.flags);
  require(c, (m.flags & ~file_flags_all) == 0);
  facts_fields(c, m.facts);
  c.word(m.name, file_name_limit);
  require(c, m.name.empty() ? m.has(file_flag::several) : is_entry_name(m.name));
  require(c, m.form == file_form::entries || !m.has(file_flag::several));
  c.word(m.destination, file_path_limit);
  require(c, !m.destination.empty());
};

constexpr auto file_part_fields = [](auto& c, auto& m) {
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
  c.varint(m.offset);
  c.raw(m.digest);
};

}  // namespace

void file_order_message::encode(wire_writer& body) const {
  encode_message(body, *this, order_fields);
}
std::optional<file_order_message> file_order_message::decode(const frame& from) {
  return decode_message<file_order_message>(from, order_fields);
}

void file_part_message::encode(wire_writer& body) const {
  encode_message(body, *this, file_part_fields);
}
std::optional<file_part_message> file_part_message::decode(const frame& from) {
  return decode_message<file_part_message>(from, file_part_fields);
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

void file_entry::encode(std::string& into) const {
  std::string head;
  wire_writer body(head);
  entry_fields(body, *this);
  wire_writer(into).u16(static_cast<std::uint16_t>(head.size()));
  into += head;
}

std::optional<file_entry> file_entry::decode(std::string_view head) {
  std::optional<file_entry> made(std::in_place);
  wire_reader body(head);
  entry_fields(body, *made);
  if (!body.finished()) made.reset();
  return made;
}

}  // namespace execo::detail
