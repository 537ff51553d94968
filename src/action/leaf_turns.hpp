// Hosts of a tree that can have no agent: the root reaches them itself, a few at a time.
#pragma once

#include <cstddef>

#include "execo/detail/node.hpp"

namespace execo::detail {

/// One that waits, has its turn, or neither.
class leaf_turn : public list_node {
 public:
  /// It has it from now on. Comes from inside another one's leave(), and may not leave.
  virtual void turn_came() noexcept = 0;

 protected:
  leaf_turn() = default;
  ~leaf_turn() = default;
};

/// First come, first served. On one loop.
class leaf_turns {
 public:
  /// Pre: `most` is above 0.
  explicit leaf_turns(std::size_t most) noexcept : free_(most) {}

  /// False: turn_came() follows.
  bool take(leaf_turn& one) noexcept {
    if (free_ == 0) {
      one.link_before(waiting_);
      return false;
    }
    --free_;
    return true;
  }
  /// Pre: it waits.
  void withdraw(leaf_turn& one) noexcept { one.unlink(); }
  /// Ends a turn: the next one that waits has it. Pre: a turn is taken.
  void leave() noexcept {
    if (!waiting_.linked()) {
      ++free_;
      return;
    }
    auto& next = static_cast<leaf_turn&>(*waiting_.next());
    next.unlink();
    next.turn_came();
  }

 private:
  std::size_t free_;
  list_node waiting_;
};

}  // namespace execo::detail
