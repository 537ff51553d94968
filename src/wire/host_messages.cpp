#include "wire/host_messages.hpp"

#include <cassert>
#include <iterator>

#include "wire/message_codec.hpp"
#include "wire/message_limits.hpp"

namespace execo::detail {

namespace {

constexpr auto connector_fields = [](auto& c, auto& m) {
  c.list(m.words, words_limit, [](auto& coder, auto& word) { coder.word(word, text_limit); });
  c.boolean(m.local);
  c.boolean(m.relays);
  require(c, m.local || !m.words.empty());
  c.u32(m.timeout_ms);
  c.u16(m.arity);
  c.u8(m.depth);
  c.u32(m.connect_us);
  c.u32(m.cpu_us);
};

constexpr auto image_fields = [](auto& c, auto& m) {
  c.choice(m.arch, machine_count);
  c.u32(m.size);
  c.raw(m.sha256);
  c.u32(m.offset);
  c.rest(m.bytes);
  require(c, m.size <= image_limit && !m.bytes.empty());
  require(c, std::uint64_t{m.offset} + m.bytes.size() <= m.size);
};

constexpr auto work_item_fields = [](auto& c, auto& m) {
  c.u32(m.index);
  c.word(m.name, name_limit);
  require(c, m.index != no_host && !m.name.empty());
  c.word(m.alias, name_limit);
  c.word(m.user, name_limit);
  c.u16(m.port);
  c.u16(m.zone);
  c.word(m.key, host_key_limit);
  c.boolean(m.doubtful);
  c.boolean(m.leads);
  c.u32(m.under);
};

// More than it takes.
std::size_t max_bytes_of(const work_item& item) noexcept {
  constexpr std::size_t numbers = 32;
  return item.name.size() + item.alias.size() + item.user.size() + item.key.size() + numbers;
}

bool ascends(const std::vector<work_item>& items) noexcept {
  for (std::size_t i = 1; i < items.size(); ++i)
    if (items[i - 1].index >= items[i].index) return false;
  return true;
}

constexpr auto work_fields = [](auto& c, auto& m) {
  c.list(m.items, hosts_limit, work_item_fields);
  require(c, !m.items.empty() && ascends(m.items));
};

constexpr auto steal_fields = [](auto& c, auto& m) {
  c.u32(m.hosts);
  c.u32(m.connect_us);
  c.u32(m.cpu_us);
};

constexpr auto only_hosts = [](auto& /*c*/, auto& /*m*/) {};

constexpr auto host_state_fields = [](auto& c, auto& m) {
  c.choice(m.state, tree_host_state_count);
  c.choice(m.why, host_failure_count);
  require(c, (m.state == tree_host_state::failed) == (m.why != host_failure::none));
  c.text(m.text, reason_limit);
  c.u32(m.parent);
  c.u8(m.depth);
  c.u32(m.connect_ms);
};

}  // namespace

void connector_message::encode(wire_writer& body) const {
  encode_message(body, *this, connector_fields);
}
std::optional<connector_message> connector_message::decode(const frame& from) {
  return decode_message<connector_message>(from, connector_fields);
}

void image_message::encode(wire_writer& body) const { encode_message(body, *this, image_fields); }
std::optional<image_message> image_message::decode(const frame& from) {
  return decode_message<image_message>(from, image_fields);
}

void work_message::encode(wire_writer& body) const { encode_message(body, *this, work_fields); }
std::optional<work_message> work_message::decode(const frame& from) {
  return decode_message<work_message>(from, work_fields);
}

work_message take_work(std::vector<work_item>& left) {
  assert(!left.empty());
  constexpr std::size_t room = frame_body_limit - 32;
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (; count < left.size() && count < hosts_limit; ++count) {
    bytes += max_bytes_of(left[count]);
    if (bytes > room) break;
  }
  const auto end = left.begin() + static_cast<std::ptrdiff_t>(count);
  work_message taken;
  taken.items.assign(std::make_move_iterator(left.begin()), std::make_move_iterator(end));
  left.erase(left.begin(), end);
  return taken;
}

void steal_message::encode(wire_writer& body) const { encode_message(body, *this, steal_fields); }
std::optional<steal_message> steal_message::decode(const frame& from) {
  return decode_message<steal_message>(from, steal_fields);
}

void revoke_message::encode(wire_writer& body) const { encode_message(body, *this, only_hosts); }
std::optional<revoke_message> revoke_message::decode(const frame& from) {
  return decode_message<revoke_message>(from, only_hosts);
}

void returned_message::encode(wire_writer& body) const { encode_message(body, *this, only_hosts); }
std::optional<returned_message> returned_message::decode(const frame& from) {
  return decode_message<returned_message>(from, only_hosts);
}

void host_state_message::encode(wire_writer& body) const {
  encode_message(body, *this, host_state_fields);
}
std::optional<host_state_message> host_state_message::decode(const frame& from) {
  return decode_message<host_state_message>(from, host_state_fields);
}

}  // namespace execo::detail
