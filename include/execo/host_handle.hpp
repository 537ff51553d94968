/// host_handle: one host of an action that runs.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "execo/detail/action_ops.hpp"
#include "execo/host_process.hpp"

namespace execo {

namespace detail {
struct action_access;
}  // namespace detail

/// Where a host of an action is.
enum class host_state : std::uint8_t {
  waiting,  ///< its turn has not come
  running,  ///< in progress, from the way to the host on
  ended,
};

/// The bare word: "waiting", "running" or "ended".
std::string_view to_string(host_state where) noexcept;

/// One host of an action: action::of(). It keeps the action running as a handle of it does.
class host_handle {
 public:
  /// Its position in the results of the action.
  std::size_t index() const noexcept { return index_; }
  /// Thread: the one that drives the action's loop.
  host_state state() const;
  /// Sends a signal to the command of this host, followed by KILL after TERM and INT. A host whose
  /// turn has not come is `not_started`. Does nothing before the action is started and after the
  /// host has ended.
  /// Thread: any.
  void kill(int signal = SIGTERM) noexcept;
  /// The command of this host, as soon as its turn has come; nothing if the host ended before, or
  /// has no command, as in a copy. Starts the action if needed. Of a host that is tried again it is
  /// the attempt of that moment.
  /// Stop: leaves the action running; throws operation_cancelled.
  detail::host_process_op process() const { return {state_, index_}; }

 private:
  friend struct detail::action_access;
  host_handle(detail::action_ref state, std::size_t index) noexcept
      : state_(std::move(state)), index_(index) {}
  detail::action_ref state_;
  std::size_t index_;
};

}  // namespace execo
