#include "execo/timeout.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

stop_bridge::stop_bridge(delegate<> arrived, loop& affinity) noexcept
    : arrived_(arrived), affinity_(affinity), node_(delegate<>::to<&stop_bridge::arrive>(this)) {}

// Last: it may end what this object is part of.
void stop_bridge::arrive() noexcept {
  in_flight_.store(false, std::memory_order_relaxed);
  arrived_();
}

void stop_bridge::forward::operator()() const noexcept {
  self->in_flight_.store(true, std::memory_order_relaxed);
  self->affinity_.post(self->node_);
}

}  // namespace execo::detail
