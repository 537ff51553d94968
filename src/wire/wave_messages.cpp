#include "wire/wave_messages.hpp"

#include "wire/message_codec.hpp"

namespace execo::detail {

namespace {

constexpr auto wave_fields = [](auto& c, auto& m) {
  c.u32(m.number);
  require(c, m.number > 0);
  c.u32(m.hold_ms);
};

constexpr auto answers_fields = [](auto& c, auto& m) {
  c.u32(m.number);
  require(c, m.number > 0);
};

}  // namespace

void wave_message::encode(wire_writer& body) const { encode_message(body, *this, wave_fields); }
std::optional<wave_message> wave_message::decode(const frame& from) {
  return decode_message<wave_message>(from, wave_fields);
}

void answers_message::encode(wire_writer& body) const {
  encode_message(body, *this, answers_fields);
}
std::optional<answers_message> answers_message::decode(const frame& from) {
  return decode_message<answers_message>(from, answers_fields);
}

}  // namespace execo::detail
