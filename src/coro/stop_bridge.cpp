#include "execo/timeout.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

stop_bridge::stop_bridge(delegate<> arrived, loop& affinity) noexcept
    : arrived_(arrived), affinity_(affinity) {
  node_.self = this;
  node_.run = [](queue_node& node) noexcept {
    stop_bridge& self = *static_cast<arrival_node&>(node).self;
    self.in_flight_.store(false, std::memory_order_relaxed);
    // Last: it may end what this object is part of.
    self.arrived_();
  };
}

void stop_bridge::forward::operator()() const noexcept {
  self->in_flight_.store(true, std::memory_order_relaxed);
  self->affinity_.post(self->node_);
}

}  // namespace execo::detail
