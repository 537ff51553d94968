// Bounds the handshakes in flight of one environment, in order of arrival. A handshake costs half a
// millisecond of CPU, so a thousand at once would make each of them late; one that waits for a
// silent peer costs nothing and gives its slot back.
#pragma once

#include <algorithm>
#include <chrono>

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"

namespace execo::detail {

class handshake_limiter {
 public:
  /// One connection's place. Leaves by itself when destroyed.
  class permit : private list_node {
   public:
    explicit permit(delegate<> on_granted) noexcept : granted(on_granted) {}
    ~permit() {
      if (limiter_ != nullptr) limiter_->leave(*this);
    }
    bool inside() const noexcept { return inside_; }

    /// Called when a slot is there: from enter() itself, or from another permit's leave().
    delegate<> granted;

   private:
    friend class handshake_limiter;
    handshake_limiter* limiter_ = nullptr;
    bool inside_ = false;
  };

  explicit handshake_limiter(unsigned limit) noexcept : limit_(std::max(limit, 1u)) {}

  void enter(permit& t) {
    t.limiter_ = this;
    t.link_before(waiting_);
    grant();
  }
  /// Gives the slot or the place in the queue back. Does nothing the second time.
  void leave(permit& t);
  /// A handshake came to its end after `taken`.
  void completed(clock::duration taken) noexcept;

  /// How long a handshake may be silent and keep its slot.
  clock::duration patience() const noexcept {
    return std::max<clock::duration>(std::chrono::milliseconds(300), 4 * typical_);
  }
  unsigned in_flight() const noexcept { return inside_; }
  unsigned limit() const noexcept { return limit_; }

 private:
  void grant();

  unsigned limit_;
  unsigned inside_ = 0;
  clock::duration typical_{0};
  list_node waiting_;
};

}  // namespace execo::detail
