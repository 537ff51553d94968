// What an operation knows of the coroutine that awaits it.
#pragma once

#include <coroutine>

#include "execo/detail/stop.hpp"

namespace execo::detail {

class loop;

/// Where a coroutine lives and what stops it. Trivially copyable.
struct env {
  loop* home = nullptr;
  stop_state* stop = nullptr;
  /// Not null for a promise of another library that has a stop token or a scheduler. Whoever
  /// suspends such a coroutine sets `home` and calls this, before it attaches to `stop`: `awaiting`
  /// becomes a relay that lives on `home`, `stop` the relay's own.
  /// Pre: nothing of the operation runs on `home` at the same time.
  void (*relay)(std::coroutine_handle<>& awaiting, env& where) = nullptr;
};

}  // namespace execo::detail
