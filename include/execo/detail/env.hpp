// What an operation knows of the coroutine that awaits it.
#pragma once

#include <coroutine>

#include "execo/detail/stop.hpp"

namespace execo::detail {

class loop;

struct env;

/// For a promise of another library that has a stop token, a cancellation slot or a scheduler. Who
/// suspends such a coroutine calls prepare, sets `home` and calls join before it attaches to
/// `stop`.
struct relay_functions {
  /// Gives env::ticket. Null: there is nothing to prepare.
  /// Thread: that of the awaiting coroutine, as it suspends.
  void* (*prepare)(std::coroutine_handle<> awaiting);
  /// `awaiting` becomes a relay that lives on `home`, `stop` the relay's own. Takes the ticket
  /// over. Pre: nothing of the operation runs on `home` at the same time.
  void (*join)(std::coroutine_handle<>& awaiting, env& where);
};

/// Where a coroutine lives and what stops it. Trivially copyable.
struct env {
  loop* home = nullptr;
  stop_state* stop = nullptr;
  /// Null for coroutines of execo, and for those of which nothing is known.
  const relay_functions* relay = nullptr;
  void* ticket = nullptr;

  void prepare_relay(std::coroutine_handle<> awaiting) {
    if (relay != nullptr && relay->prepare != nullptr) ticket = relay->prepare(awaiting);
  }
};

}  // namespace execo::detail
