#include "coro/ring_thread.hpp"

#include "base/signal_mask.hpp"
#include "loop/post_call.hpp"

namespace execo::detail {

void ring_thread::join() {
  if (!thread_.joinable()) return;
  loop_.raise(stopping_);
  thread_.join();
}

void ring_thread::start() {
  thread_ = masked_thread([this] { work(); });
}

void ring_thread::drain(loop& waiting, queue_node& drained) {
  post_call(loop_, [this, v = drain_waiter{&waiting, &drained}] { drain_waiters_.push_back(v); });
}

void ring_thread::work() {
  loop::driver driving(loop_);
  while (!stopping_.load(std::memory_order_acquire)) {
    // With one that waits for that there may be nothing left to wait for.
    loop_.turn(drain_waiters_.empty() || loop_.has_members() ? -1 : 0);
    if (!drain_waiters_.empty()) finish_drain();
  }
  join_members(loop_);
}

void ring_thread::finish_drain() {
  if (loop_.has_members()) return loop_.shut_down_members();
  for (const drain_waiter& v : drain_waiters_) v.waiting->post(*v.drained);
  drain_waiters_.clear();
}

void join_members(loop& l) {
  while (l.has_members()) {
    l.shut_down_members();
    // Some are gone as soon as they are asked: then there may be nothing to wait for.
    l.turn(l.has_members() ? -1 : 0);
  }
}

}  // namespace execo::detail
