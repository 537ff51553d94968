// Copies of what seldom changes, shared by all who have the same.
#pragma once

#include <memory>

namespace execo::detail {

/// The one that `last` still refers to if nothing changed since, else a new one.
template <class Copy>
std::shared_ptr<const Copy> shared_copy(std::weak_ptr<const Copy>& last) {
  if (auto same = last.lock(); same && same->is_current()) return same;
  auto made = std::make_shared<const Copy>();
  last = made;
  return made;
}

}  // namespace execo::detail
