// Bounds the handshakes in flight on a loop, whatever actions they are for. A handshake costs half
// a millisecond of CPU, so a thousand at once would make each of them late; one that waits for a
// silent peer costs nothing and gives its permit back. Hosts with the same options are granted
// permits in order of arrival, those with different options in turn.
#pragma once

#include <algorithm>
#include <chrono>

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class handshake_limiter;

/// What the limiters of a loop grant together: as many permits as the widest of them alone.
class handshake_budget final : public loop_service {
 public:
  handshake_budget() = default;
  explicit handshake_budget(loop&) noexcept {}
  unsigned in_flight() const noexcept { return in_flight_; }

 private:
  friend class handshake_limiter;
  void grant();

  unsigned in_flight_ = 0;
  unsigned limit_ = 1;
  list_node waiting_;  // limiters whose permits wait, the next one to be served first
};

class handshake_limiter : private list_node {
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

  handshake_limiter(handshake_budget& shared, unsigned limit) noexcept
      : shared_(shared), limit_(std::max(limit, 1u)) {
    shared_.limit_ = std::max(shared_.limit_, limit_);
  }

  void enter(permit& t) { enter_before(waiting_, t); }
  /// Before all that wait. Pre: it has left, or was not inside yet.
  void enter_first(permit& t) { enter_before(*waiting_.next(), t); }
  /// Gives the slot or the place in the queue back. Does nothing the second time.
  void leave(permit& t);
  /// A handshake came to its end after `taken`.
  void completed(clock::duration taken) noexcept;

  /// How long a handshake may be silent and keep its slot.
  clock::duration grace_period() const noexcept {
    return std::max<clock::duration>(std::chrono::milliseconds(300), 4 * typical_);
  }
  unsigned limit() const noexcept { return limit_; }

 private:
  friend class handshake_budget;
  bool grant_one();
  void enter_before(list_node& next, permit& t) {
    t.limiter_ = this;
    t.link_before(next);
    if (!linked()) link_before(shared_.waiting_);
    shared_.grant();
  }

  handshake_budget& shared_;
  unsigned limit_;
  unsigned inside_ = 0;
  clock::duration typical_{0};
  list_node waiting_;
};

}  // namespace execo::detail
