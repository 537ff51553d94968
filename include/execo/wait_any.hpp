/// wait_any: the first of several started processes or actions to end; the others go on.
#pragma once

#include <utility>
#include <vector>

#include "execo/when_any.hpp"

namespace execo {

/// What has a wait() that leaves it running: a process, an action.
template <class T>
concept waitable = requires(T& started) {
  { started.wait() } -> awaitable;
};

/// Waits for the first of these to end. Nothing is stopped: the others can be waited for again.
/// Gives the position and the result of the first, as when_any().
///
/// Pre: all were started; throws std::logic_error otherwise.
/// Stop: nothing is stopped; throws operation_cancelled.
/// Resumes: on the awaiting coroutine's loop.
template <waitable... T>
requires(sizeof...(T) > 0) [[nodiscard]] auto wait_any(T&... each) {
  return when_any(each.wait()...);
}

/// The same for a vector of one type.
/// Throws: std::invalid_argument at the call if there is none.
template <waitable T>
[[nodiscard]] auto wait_any(std::vector<T>& all) {
  std::vector<decltype(all.front().wait())> waits;
  waits.reserve(all.size());
  for (T& each : all) waits.push_back(each.wait());
  return when_any(std::move(waits));
}

}  // namespace execo
