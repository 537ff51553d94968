// One command on one host of a tree, as the root knows it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "execo/detail/node.hpp"
#include "process/failure.hpp"
#include "wire/run_messages.hpp"

namespace execo::detail {

/// All events come from the loop. None may destroy the seat; each may leave.
class tree_seat : public list_node {
 public:
  /// Its host is up: execute() may be called.
  virtual void seat_up() = 0;
  /// Its host has no agent: the command was not sent.
  virtual void seat_failed(failure why) = 0;
  virtual void seat_started() = 0;
  /// Valid during the call.
  virtual void seat_output(const output_message& output) = 0;
  /// All of an output that other hosts may have printed as well. Valid during the call. Pre: the
  /// order folds.
  virtual void seat_folded(command_stream from, std::string_view bytes) { (void)from, (void)bytes; }
  virtual void seat_credit(std::size_t bytes) = 0;
  /// What was refused for want of room may be sent again.
  virtual void seat_has_room() = 0;
  virtual void seat_ended(const ended_message& end) = 0;
  /// The way to its host was lost after the command was sent.
  virtual void seat_lost(failure why) = 0;

  /// The root's alone.
  std::uint32_t host_in_tree = no_host;
  std::uint32_t run_in_tree = 0;   // 0: not sent
  std::uint32_t link_in_tree = 0;  // by which it was sent

 protected:
  tree_seat() = default;
  ~tree_seat() = default;
};

}  // namespace execo::detail
