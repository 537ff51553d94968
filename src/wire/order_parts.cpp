#include "wire/order_parts.hpp"

namespace execo::detail {

bool append_part(execute_message& order, const part_message& part) {
  if (part.bytes.size() > order.more) return false;
  order.words.front().append(part.bytes);
  order.more -= static_cast<std::uint32_t>(part.bytes.size());
  return true;
}

execute_message front_of(const execute_message& of, std::string_view& rest) {
  execute_message front = of;
  rest = {};
  if (of.form != command_form::text || of.words.front().size() <= order_front_limit) return front;
  rest = std::string_view(of.words.front()).substr(order_front_limit);
  front.words.front().resize(order_front_limit);
  front.more += static_cast<std::uint32_t>(rest.size());
  return front;
}

}  // namespace execo::detail
