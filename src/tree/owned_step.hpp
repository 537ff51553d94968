// A call from the loop that keeps the object it belongs to until then. However often it is queued
// in a turn, it comes once.
#pragma once

#include <utility>

#include "base/intrusive_ptr.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// A part of `owner`.
class owned_step {
 public:
  owned_step(loop& on, ref_counted& owner, delegate<> call)
      : loop_(on), owner_(owner), call_(call), node_(delegate<>::to<&owned_step::run>(this)) {}

  void queue() noexcept {
    if (std::exchange(queued_, true)) return;
    owner_.retain();
    loop_.defer(node_);
  }

 private:
  void run() {
    intrusive_ptr<ref_counted> alive(&owner_);
    owner_.release();
    queued_ = false;
    call_();
  }

  loop& loop_;
  ref_counted& owner_;
  delegate<> call_;
  queue_node node_;
  bool queued_ = false;
};

}  // namespace execo::detail
