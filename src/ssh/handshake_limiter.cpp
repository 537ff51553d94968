#include "ssh/handshake_limiter.hpp"

namespace execo::detail {

void handshake_limiter::leave(permit& t) {
  if (t.limiter_ == nullptr) return;
  t.limiter_ = nullptr;
  t.unlink();
  if (!waiting_.linked()) unlink();
  if (!t.inside_) return;
  t.inside_ = false;
  --inside_;
  --shared_.in_flight_;
  shared_.grant();
}

void handshake_limiter::completed(clock::duration taken) noexcept {
  typical_ = typical_.count() == 0 ? taken : typical_ + (taken - typical_) / 8;
}

// False: it has to wait.
bool handshake_limiter::grant_one() {
  if (inside_ >= limit_ || shared_.in_flight_ >= shared_.limit_) return false;
  auto& next = static_cast<permit&>(*waiting_.next());
  next.unlink();
  if (!waiting_.linked()) unlink();
  next.inside_ = true;
  ++inside_;
  ++shared_.in_flight_;
  next.granted();
  return true;
}

// In turn, until each that waits was asked and has to.
void handshake_budget::grant() {
  list_node refused;
  while (waiting_.linked()) {
    auto& next = static_cast<handshake_limiter&>(*waiting_.next());
    bool granted = next.grant_one();
    if (next.linked()) next.link_before(granted ? waiting_ : refused);
  }
  while (refused.linked()) refused.next()->link_before(waiting_);
}

}  // namespace execo::detail
