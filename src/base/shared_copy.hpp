// Copies of values that seldom change, shared while they are equal.
#pragma once

#include <memory>

namespace execo::detail {

/// The copy that `last` still refers to if nothing has changed, else a new one.
template <class Copy>
std::shared_ptr<const Copy> shared_copy(std::weak_ptr<const Copy>& last) {
  if (auto same = last.lock(); same && same->is_current()) return same;
  auto made = std::make_shared<const Copy>();
  last = made;
  return made;
}

}  // namespace execo::detail
