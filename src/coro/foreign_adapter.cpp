#include "execo/detail/foreign_adapter.hpp"

#include "loop/loop.hpp"

namespace execo::detail {

remote_stop::remote_stop(loop& affinity) noexcept
    : affinity_(affinity), crossing_(delegate<>::to<&remote_stop::arrive>(this)) {}

void remote_stop::arrive() noexcept {
  (void)crossing_.accept();
  if (waiting_) {
    waiting_.resume();
  } else {
    stop_.request();
  }
}

void slot_link::request() noexcept {
  std::lock_guard locked(mutex_);
  if (std::exchange(requested_, true) || to_ == nullptr) return;
  to_->request();
}

void slot_link::attach(remote_stop& to) noexcept {
  std::lock_guard locked(mutex_);
  if (requested_) {
    to.state().request();
  } else {
    to_ = &to;
  }
}

void slot_link::detach() noexcept {
  std::lock_guard locked(mutex_);
  to_ = nullptr;
}

void slot_link::drop() noexcept {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace execo::detail
