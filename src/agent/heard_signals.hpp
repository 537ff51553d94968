// The signals that an agent hears, read from a descriptor.
#pragma once

#include <cstdint>

#include "agent/reactor.hpp"

namespace execo::agent {

class heard_signals {
 public:
  /// `on_heard`: children may have ended; true: the agent was asked to end as well. Gives up
  /// without a descriptor. Pre: CHLD and the signals that end an agent are blocked.
  heard_signals(reactor& on, delegate<bool> on_heard);

 private:
  void on_ready(std::uint32_t);

  delegate<bool> on_heard_;
  unique_fd fd_;
  watch ready_;
};

}  // namespace execo::agent
