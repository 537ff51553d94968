// Orders for hosts that are not up: each follows its hosts when a way leads to them.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "wire/messages.hpp"
#include "wire/order_parts.hpp"

namespace execo::agent {

/// The hosts of `message` in pieces that a frame has room for, each given to `send`.
template <class Message>
void for_pieces(Message& message, const detail::index_ranges& hosts, auto send) {
  if (hosts.single()) {
    message.hosts = hosts;
    send(message);
    return;
  }
  for (detail::index_ranges& piece : hosts.pieces(detail::set_limit)) {
    message.hosts = std::move(piece);
    send(message);
  }
}

/// Pure.
class waiting_orders {
 public:
  void add(const detail::execute_message& order) { all_.push_back(order); }
  /// More of the text of an order that may wait here. False if it cannot be.
  bool append(const detail::part_message& part);

  /// They are not here any more; gives those of each order that waited for some to `dropped`.
  void drop(const detail::index_ranges& hosts, auto dropped) {
    for (detail::execute_message& one : all_) {
      const detail::index_ranges gone = one.hosts & hosts;
      one.hosts -= hosts;
      if (!gone.empty()) dropped(one.run, gone);
    }
    forget_empty();
  }
  /// The same, for one run: which they were.
  detail::index_ranges drop_of(std::uint32_t run, const detail::index_ranges& hosts);
  /// A way leads to these hosts: what they wait for is given to `send`, in parts.
  void release(const detail::index_ranges& hosts, auto send) {
    for (detail::execute_message& one : all_) {
      const detail::index_ranges there = one.hosts & hosts;
      if (there.empty()) continue;
      detail::index_ranges left = one.hosts - there;
      for_pieces(one, there, [&](const auto& piece) { detail::send_in_parts(piece, send); });
      one.hosts = std::move(left);
    }
    forget_empty();
  }

 private:
  void forget_empty() {
    std::erase_if(all_, [](const auto& one) { return one.hosts.empty(); });
  }

  std::vector<detail::execute_message> all_;
};

}  // namespace execo::agent
