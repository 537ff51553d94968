/// action_handler: what to call when an action starts and when it ends, as an object and as
/// functions.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "execo/action_result.hpp"
#include "execo/time.hpp"

namespace execo {

/// An action that starts now. Valid during the call.
class started_action {
 public:
  started_action(std::string_view n, std::size_t count, time_point t) noexcept
      : name(n), hosts(count), at(t) {}
  std::string_view name;  ///< the command, shortened to be shown, or the name of a composite
  std::size_t hosts;
  time_point at;
};

/// An action whose hosts have all ended. Valid during the call.
class ended_action {
 public:
  ended_action(std::string_view n, bool good, const action_stats& counted) noexcept
      : name(n), ok(good), stats(counted) {}
  std::string_view name;
  bool ok;  ///< as action_result::ok()
  const action_stats& stats;
};

/// Is notified of the start and the end of actions, where a handler is of those of their commands.
/// Derive from it, and give it to any number of actions with handle_action_with().
///
/// on_start comes before the first command starts, not at all for an action that is stopped before;
/// on_end once, after the last handler call for a command and before any coroutine has the result.
/// Both come on the action's loop. If a call throws, the action is stopped, and run(), wait() and
/// next() rethrow the exception.
class action_handler {
 public:
  action_handler() = default;
  action_handler(const action_handler&) = default;
  action_handler& operator=(const action_handler&) = default;
  virtual ~action_handler();

  virtual void on_start(const started_action& action);
  virtual void on_end(const ended_action& action);
};

/// Handlers of one function each.
std::shared_ptr<action_handler> on_action_start_call(
    std::function<void(const started_action&)> call);
std::shared_ptr<action_handler> on_action_end_call(std::function<void(const ended_action&)> call);

}  // namespace execo
