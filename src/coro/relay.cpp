#include "execo/detail/relay.hpp"

#include "loop/loop.hpp"

namespace execo::detail {

remote_stop::remote_stop(loop& home) noexcept : home_(home) {
  node_.self = this;
  node_.run = [](queue_node& node) noexcept {
    remote_stop& self = *static_cast<arrival_node&>(node).self;
    self.travelling_.store(false, std::memory_order_relaxed);
    if (self.waiting_) {
      self.waiting_.resume();
    } else {
      self.stop_.request();
    }
  };
}

void remote_stop::request() noexcept {
  travelling_.store(true, std::memory_order_release);
  home_.post(node_);
}

}  // namespace execo::detail
