// A method of an object as a two-word callable: no allocation, no virtual base.
#pragma once

#include <coroutine>

#include "execo/detail/compiler.hpp"

namespace execo::detail {

template <class... Args>
class delegate {
 public:
  delegate() noexcept = default;

  /// delegate<int>::to<&session::on_readable>(this)
  template <auto Method, class Owner>
  static delegate to(Owner* owner) noexcept {
    delegate c;
    c.owner_ = owner;
    c.call_ = [](void* self, Args... args) { (static_cast<Owner*>(self)->*Method)(args...); };
    return c;
  }

  /// Resumes `to`.
  static delegate resuming(std::coroutine_handle<> to) noexcept requires(sizeof...(Args) == 0) {
    delegate c;
    c.owner_ = to.address();
    c.call_ = [](void* frame) { std::coroutine_handle<>::from_address(frame).resume(); };
    return c;
  }

  void operator()(Args... args) const { call_(owner_, args...); }
  explicit operator bool() const noexcept { return call_ != nullptr; }

 private:
  void* owner_ = nullptr;
  void (*call_)(void*, Args...) = nullptr;
};

}  // namespace execo::detail
