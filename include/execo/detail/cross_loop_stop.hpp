// How a stop request reaches a loop from another thread: the one way for all that may be asked from
// there. It is posted, so it may meet the end of what it is meant for. The rule for all users:
// close before reporting the end; if a request is in flight then, report when it has arrived.
#pragma once

#include <atomic>
#include <cstdint>

#include "execo/detail/node.hpp"
#include "execo/detail/stop.hpp"

namespace execo::detail {

class loop;

class cross_loop_stop {
 public:
  /// `arrived` is called on the loop, at most once, and calls accept().
  explicit cross_loop_stop(delegate<> arrived) noexcept : node_(arrived) {}

  /// Only the first request counts, and none after close().
  /// Thread: any. Pre: `to` is the same loop each time.
  void request(loop& to, stop_kind kind = stop_kind::end) noexcept;

  /// On the loop, when `arrived` is called: how to stop.
  stop_kind accept() noexcept;

  /// On the loop: no request is accepted any more. False: one is in flight; this object has to live
  /// until `arrived` is called.
  [[nodiscard]] bool close() noexcept;

 private:
  enum class state : std::uint8_t { open, in_flight, arrived, closed };

  queue_node node_;
  std::atomic<state> state_{state::open};
  stop_kind kind_ = stop_kind::end;
};

}  // namespace execo::detail
