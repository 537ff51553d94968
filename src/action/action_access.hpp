// The way from a handle of an action to what it is a handle of.
#pragma once

#include "action/action_core.hpp"
#include "execo/action.hpp"

namespace execo::detail {

struct action_access {
  /// Throws: std::logic_error if it was moved from.
  static action_core& core(const action& a) { return a.state(); }
  /// As a handle of it.
  static action_ref reference(const action& a) {
    (void)core(a);
    return a.state_;
  }
  static host_handle host_at(const action& a, std::size_t index) {
    (void)core(a);
    return host_handle(a.state_, index);
  }
  /// Moves it out. Throws: std::logic_error if there is none.
  static action_ref take(action& a) {
    (void)a.state();
    return std::move(a.state_);
  }
};

}  // namespace execo::detail
