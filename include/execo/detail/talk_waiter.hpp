// Somebody at the root of a tree who waits for messages of its commands.
#pragma once

#include <cstdint>

#include "execo/detail/node.hpp"

namespace execo::detail {

class talk_waiter : public list_node {
 public:
  /// What it sends is on its way to so many; or a message is there, or none comes any more. From
  /// the middle of that: what follows is done later.
  virtual void talk_done(std::uint32_t receivers) noexcept = 0;

 protected:
  talk_waiter() = default;
  ~talk_waiter() = default;
};

}  // namespace execo::detail
