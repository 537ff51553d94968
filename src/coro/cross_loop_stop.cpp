#include "execo/detail/cross_loop_stop.hpp"

#include <cassert>

#include "loop/loop.hpp"

namespace execo::detail {

// The winner of the exchange posts; the queue hands `kind_` over.
void cross_loop_stop::request(loop& to, stop_kind kind) noexcept {
  state expected = state::open;
  if (!state_.compare_exchange_strong(expected, state::in_flight, std::memory_order_acq_rel))
    return;
  kind_ = kind;
  to.post(node_);
}

stop_kind cross_loop_stop::accept() noexcept {
  assert(state_.load() == state::in_flight);
  state_.store(state::arrived, std::memory_order_release);
  return kind_;
}

bool cross_loop_stop::close() noexcept {
  state expected = state::open;
  if (state_.compare_exchange_strong(expected, state::closed, std::memory_order_acq_rel))
    return true;
  return expected != state::in_flight;
}

}  // namespace execo::detail
