// A method of an object as a two-word callable: no allocation, no virtual base.
#pragma once

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

  void operator()(Args... args) const { call_(owner_, args...); }
  explicit operator bool() const noexcept { return call_ != nullptr; }

 private:
  void* owner_ = nullptr;
  void (*call_)(void*, Args...) = nullptr;
};

}  // namespace execo::detail
