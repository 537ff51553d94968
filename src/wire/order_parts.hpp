// Orders whose text is longer than a frame: the order has the front of it, parts have the rest.
#pragma once

#include <string_view>

#include "wire/message_limits.hpp"
#include "wire/run_messages.hpp"

namespace execo::detail {

/// Below this a text is in the order. The set of hosts has room beside it.
inline constexpr std::size_t order_front_limit = chunk_limit;

/// False, and nothing is appended, if it is more than the order lacks.
bool append_part(execute_message& order, const part_message& part);

/// The order with the front of its text alone; `rest` is what parts have to follow with, in `of`.
execute_message front_of(const execute_message& of, std::string_view& rest);

/// Gives the order, then its parts, to `send`.
void send_in_parts(const execute_message& order, auto send) {
  std::string_view rest;
  send(front_of(order, rest));
  part_message part;
  part.run = order.run;
  part.hosts = order.hosts;
  for (; !rest.empty(); rest.remove_prefix(part.bytes.size())) {
    part.bytes = rest.substr(0, chunk_limit);
    send(part);
  }
}

}  // namespace execo::detail
