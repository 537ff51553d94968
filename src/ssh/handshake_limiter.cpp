#include "ssh/handshake_limiter.hpp"

namespace execo::detail {

void handshake_limiter::leave(permit& t) {
  if (t.limiter_ == nullptr) return;
  t.limiter_ = nullptr;
  t.unlink();
  if (!t.inside_) return;
  t.inside_ = false;
  --inside_;
  grant();
}

void handshake_limiter::completed(clock::duration taken) noexcept {
  typical_ = typical_.count() == 0 ? taken : typical_ + (taken - typical_) / 8;
}

void handshake_limiter::grant() {
  while (inside_ < limit_ && waiting_.linked()) {
    auto& next = static_cast<permit&>(*waiting_.next());
    next.unlink();
    next.inside_ = true;
    ++inside_;
    next.granted();
  }
}

}  // namespace execo::detail
