#include "execo/detail/foreign_adapter.hpp"

#include "loop/loop.hpp"

namespace execo::detail {

remote_stop::remote_stop(loop& affinity) noexcept
    : affinity_(affinity), node_(delegate<>::to<&remote_stop::arrive>(this)) {}

void remote_stop::arrive() noexcept {
  in_flight_.store(false, std::memory_order_relaxed);
  if (waiting_) {
    waiting_.resume();
  } else {
    stop_.request();
  }
}

void remote_stop::request() noexcept {
  in_flight_.store(true, std::memory_order_release);
  affinity_.post(node_);
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
