// Starts of commands that fold. The agent reports them later, together with output and ends, once
// for many hosts. A command that has ended needs no report of its start.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "wire/message_limits.hpp"
#include "wire/run_messages.hpp"

namespace execo::agent {

class held_starts {
 public:
  void add(const detail::started_message& what) {
    detail::started_message& known = runs_[what.run];
    known.run = what.run;
    known.hosts |= what.hosts;
    known.after_us = std::max(known.after_us, what.after_us);
  }
  /// These have ended, or their output goes up.
  void drop(std::uint32_t run, const detail::index_ranges& hosts) {
    auto known = runs_.find(run);
    if (known == runs_.end()) return;
    known->second.hosts -= hosts;
    if (known->second.hosts.empty()) runs_.erase(known);
  }
  /// Gives all: `give(const started_message&)`.
  template <class Give>
  void flush(Give give) {
    for (auto& [run, known] : std::exchange(runs_, {})) {
      for (detail::index_ranges& piece : std::exchange(known.hosts, {}).pieces(detail::set_limit)) {
        known.hosts = std::move(piece);
        give(known);
      }
    }
  }

 private:
  std::map<std::uint32_t, detail::started_message> runs_;  // by run
};

}  // namespace execo::agent
