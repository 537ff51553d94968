// Stop requests inside one loop. A stop_state and everything attached to it belong to the loop's
// thread, so a request is a walk over a list: no lock, no atomic, no allocation. Requests from
// other threads enter in one place, with_stop, which posts them to the loop.
#pragma once

#include <cstdint>

#include "execo/detail/node.hpp"

namespace execo::detail {

/// How an operation that can be ended in several ways is to be ended. For all others, and for
/// a request that does not say: `end`.
enum class stop_kind : std::uint8_t {
  end,      ///< a run ends its process: TERM, KILL after kill_timeout
  abandon,  ///< the wait ends, what was waited for goes on
  kill,     ///< a run ends its process by KILL
};

class stop_hook : public list_node {
 public:
  explicit stop_hook(delegate<stop_kind> on_request) noexcept : requested(on_request) {}
  delegate<stop_kind> requested;
};

class stop_state {
 public:
  bool requested() const noexcept { return requested_; }
  /// Of the first request.
  stop_kind kind() const noexcept { return kind_; }
  /// Called for each operation that a request met: did it act, or had the operation ended already,
  /// its result on the way?
  void acknowledge(bool acted) noexcept { (acted ? acted_ : missed_) = true; }
  void acknowledge(const stop_state& other) noexcept {
    acted_ |= other.acted_;
    missed_ |= other.missed_;
  }
  bool acted() const noexcept { return acted_; }
  /// What it reaches ends, or ended last, by operation_cancelled: for a coroutine of another
  /// library that has a way of its own to say so.
  void set_cancelled(bool by_it) noexcept { cancelled_ = by_it; }
  bool cancelled() const noexcept { return cancelled_; }
  /// All that it met had ended already: what they give is whole.
  bool came_too_late() const noexcept { return missed_ && !acted_; }
  void attach(stop_hook& hook) noexcept { hook.link_before(hooks_); }

  /// Calls each hook once. A hook never resumes a coroutine: what it ends completes through the
  /// loop's ready queue, so this object outlives the walk.
  void request(stop_kind kind = stop_kind::end) noexcept {
    if (!requested_) kind_ = kind;
    requested_ = true;
    while (hooks_.linked()) {
      auto& hook = static_cast<stop_hook&>(*hooks_.next());
      hook.unlink();
      hook.requested(kind_);
    }
  }

 private:
  list_node hooks_;
  bool requested_ = false;
  bool acted_ = false;
  bool missed_ = false;
  bool cancelled_ = false;
  stop_kind kind_ = stop_kind::end;
};

}  // namespace execo::detail
