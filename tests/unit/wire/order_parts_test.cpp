#include "wire/order_parts.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "wire/messages.hpp"

namespace execo::test {
namespace {

using detail::execute_message;
using detail::part_message;

execute_message order_of(std::string text) {
  execute_message order;
  order.run = 1;
  order.hosts = detail::index_ranges(3);
  order.words.push_back(std::move(text));
  return order;
}

struct put_together {
  void operator()(const execute_message& front) { order = front; }
  void operator()(const part_message& part) {
    ++parts;
    EXPECT_LE(part.bytes.size(), detail::chunk_limit);
    EXPECT_TRUE(append_part(*order, part));
  }
  std::optional<execute_message> order;
  int parts = 0;
};

TEST(order_parts, make_the_same_order_again) {
  for (std::size_t size : {std::size_t{1}, detail::order_front_limit, detail::order_front_limit + 1,
                           detail::order_limit}) {
    const execute_message order = order_of(std::string(size, 'x'));
    put_together made;
    send_in_parts(order, [&](const auto& message) { made(message); });
    EXPECT_EQ(made.order, order);
    EXPECT_EQ(made.parts > 0, size > detail::order_front_limit);
  }
}

TEST(order_parts, are_refused_beyond_what_the_order_lacks) {
  execute_message order = order_of("echo");
  order.more = 2;
  part_message part;
  part.bytes = "abc";
  EXPECT_FALSE(append_part(order, part));
  EXPECT_EQ(order.words.front(), "echo");
  part.bytes = " a";
  EXPECT_TRUE(append_part(order, part));
  EXPECT_EQ(order.words.front(), "echo a");
  EXPECT_EQ(order.more, 0U);
}

TEST(order_parts, are_bounded_where_an_order_is_read) {
  execute_message order = order_of("echo");
  order.more = static_cast<std::uint32_t>(detail::order_limit - 4);
  std::string body = body_of(order);
  EXPECT_TRUE(execute_message::decode(detail::frame(detail::frame_type::execute, 1, 3, body)));
  body[body.size() - 4] = static_cast<char>(body[body.size() - 4] + 1);
  EXPECT_FALSE(execute_message::decode(detail::frame(detail::frame_type::execute, 1, 3, body)));
}

}  // namespace
}  // namespace execo::test
