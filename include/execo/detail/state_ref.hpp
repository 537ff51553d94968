// A counted reference to a state that a handle and its awaiters share, and whose type is the
// library's own affair: the state's header declares retain() and release() for it.
#pragma once

#include <utility>

#include "execo/detail/compiler.hpp"

namespace execo::detail {

template <class State>
class state_ref {
 public:
  explicit state_ref(State* state) noexcept : state_(state) {
    if (state_ != nullptr) retain(*state_);
  }
  state_ref(const state_ref& other) noexcept : state_ref(other.state_) {}
  state_ref(state_ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  state_ref& operator=(state_ref other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~state_ref() {
    if (state_ != nullptr) release(*state_);
  }
  State* operator->() const noexcept { return state_; }
  State& operator*() const noexcept { return *state_; }
  explicit operator bool() const noexcept { return state_ != nullptr; }

 private:
  State* state_;
};

}  // namespace execo::detail
