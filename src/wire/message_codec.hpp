// How the messages are encoded and decoded: a function lists the fields of a message once, for the
// writer and for the reader.
#pragma once

#include <cassert>
#include <optional>
#include <utility>

#include "wire/codec.hpp"
#include "wire/frame.hpp"
#include "wire/index_ranges.hpp"

namespace execo::detail {

/// Reads what the header says, and a set at the front of the body. Fails `body` if the set is
/// empty, or is of one host, whose place is in the header.
template <class Message>
void read_address(const frame& from, wire_reader& body, Message& into) {
  if constexpr (requires { into.run; }) into.run = from.run;
  if constexpr (requires { into.hosts.single(); }) {
    if (from.host != no_host) {
      into.hosts = index_ranges(from.host);
      return;
    }
    into.hosts.decode(body);
    if (into.hosts.empty() || into.hosts.single()) body.fail();
  } else if constexpr (requires { into.stream; }) {
    into.host = from.host;
  }
}

template <class Message, class Fields>
void encode_message(wire_writer& body, const Message& message, Fields fields) {
  if constexpr (requires { message.hosts.single(); }) {
    assert(!message.hosts.empty());
    if (!message.hosts.single()) message.hosts.encode(body);
  }
  fields(body, message);
}

/// `fields` fails the reader for what is out of bounds.
template <class Message, class Fields>
std::optional<Message> decode_message(const frame& from, Fields fields) {
  if (from.type != Message::type || !is_addressed_right(from)) return std::nullopt;
  std::optional<Message> message(std::in_place);
  wire_reader body(from.body);
  read_address(from, body, *message);
  fields(body, *message);
  if (!body.finished()) message.reset();
  return message;
}

/// In a list of fields: what only a reader has to look at.
inline void require(wire_writer& /*into*/, [[maybe_unused]] bool holds) { assert(holds); }
inline void require(wire_reader& from, bool holds) noexcept {
  if (!holds) from.fail();
}

}  // namespace execo::detail
