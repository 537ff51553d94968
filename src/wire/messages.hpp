// The messages of the tree: what the frames of each type say. A message is a value with public
// fields; `encode` appends its body, `decode` reads one and returns nothing unless the whole body
// is one and each count, length and choice is within bounds. Texts and bytes that a type names
// string_view lie in the frame; those of std::string are copies.
//
// Where a message has `hosts`, a set of one goes as the host of the header, any other at the front
// of the body. No set of hosts is empty.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "wire/file_messages.hpp"
#include "wire/host_messages.hpp"
#include "wire/link_messages.hpp"
#include "wire/run_messages.hpp"
#include "wire/sign_messages.hpp"
#include "wire/talk_messages.hpp"
#include "wire/wave_messages.hpp"

namespace execo::detail {

/// The header of a message's frame, without a body.
template <class Message>
frame header_of(const Message& message) {
  std::uint32_t run = 0;
  std::uint32_t host = no_host;
  if constexpr (requires { message.run; }) run = message.run;
  if constexpr (requires { message.hosts.single(); })
    host = message.hosts.single().value_or(no_host);
  else if constexpr (requires { message.stream; })
    host = message.host;
  return frame(Message::type, run, host, {});
}

/// The body of a message, alone.
template <class Message>
std::string body_of(const Message& message) {
  std::string body;
  wire_writer into(body);
  message.encode(into);
  return body;
}

}  // namespace execo::detail
