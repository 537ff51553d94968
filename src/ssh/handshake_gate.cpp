#include "ssh/handshake_gate.hpp"

namespace execo::detail {

void handshake_gate::leave(ticket& t) {
  if (t.gate_ == nullptr) return;
  t.gate_ = nullptr;
  t.unlink();
  if (!t.inside_) return;
  t.inside_ = false;
  --inside_;
  grant();
}

void handshake_gate::completed(clock::duration taken) noexcept {
  typical_ = typical_.count() == 0 ? taken : typical_ + (taken - typical_) / 8;
}

void handshake_gate::grant() {
  while (inside_ < limit_ && waiting_.linked()) {
    auto& next = static_cast<ticket&>(*waiting_.next());
    next.unlink();
    next.inside_ = true;
    ++inside_;
    next.granted();
  }
}

}  // namespace execo::detail
