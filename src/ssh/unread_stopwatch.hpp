// How long a connection was not read, in all.
#pragma once

#include "execo/detail/deadline_timer.hpp"

namespace execo::detail {

/// `below` is the same of what carries the connection. Time in which neither is read counts once.
class unread_stopwatch {
 public:
  /// Whether the connection itself is held from now on.
  void set(bool held, clock::time_point now, clock::duration below) noexcept {
    if (held == held_) return;
    held_ = held;
    if (held) {
      since_ = now - below;
    } else {
      before_ += now - below - since_;
    }
  }
  clock::duration total(clock::time_point now, clock::duration below) const noexcept {
    clock::duration own = before_;
    if (held_) own += now - below - since_;
    return own + below;
  }

 private:
  clock::duration before_{0};
  clock::time_point since_{};  // on a clock that stands while what is below is not read
  bool held_ = false;
};

}  // namespace execo::detail
