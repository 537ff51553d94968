// What an operation knows of the coroutine that awaits it.
#pragma once

#include <coroutine>

#include "execo/detail/stop.hpp"

namespace execo::detail {

class loop;

struct env;

/// For a promise of another library that has a stop token, a cancellation slot or a scheduler. Who
/// suspends such a coroutine calls prepare, sets `affinity` and calls join before it attaches to
/// `stop`.
struct foreign_adapter_functions {
  /// Gives env::adapter_state. Null: there is nothing to prepare.
  /// Thread: that of the awaiting coroutine, as it suspends.
  void* (*prepare)(std::coroutine_handle<> awaiting);
  /// `awaiting` becomes an adapter that lives on `affinity`, `stop` the adapter's own. Takes over
  /// `adapter_state`. Pre: nothing of the operation runs on `affinity` at the same time.
  void (*join)(std::coroutine_handle<>& awaiting, env& where);
};

/// The environment of a coroutine: the loop it has affinity to, and what stops it. Trivially
/// copyable.
struct env {
  loop* affinity = nullptr;
  stop_state* stop = nullptr;
  /// Null for coroutines of execo, and for those of which nothing is known.
  const foreign_adapter_functions* adapter = nullptr;
  void* adapter_state = nullptr;

  void prepare_adapter(std::coroutine_handle<> awaiting) {
    if (adapter != nullptr && adapter->prepare != nullptr)
      adapter_state = adapter->prepare(awaiting);
  }
};

}  // namespace execo::detail
