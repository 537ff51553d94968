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

void ring_thread::empty_out(loop& home, queue_node& told) {
  post_call(loop_, [this, v = visitor{&home, &told}] { visitors_.push_back(v); });
}

void ring_thread::work() {
  loop::driver driving(loop_);
  while (!stopping_.load(std::memory_order_acquire)) {
    // With a visitor there may be nothing left to wait for.
    loop_.turn(visitors_.empty() || loop_.has_members() ? -1 : 0);
    if (!visitors_.empty()) answer();
  }
  join_members(loop_);
}

void ring_thread::answer() {
  if (loop_.has_members()) return loop_.shut_down_members();
  for (const visitor& v : visitors_) v.home->post(*v.told);
  visitors_.clear();
}

void join_members(loop& l) {
  while (l.has_members()) {
    l.shut_down_members();
    // Some are gone as soon as they are asked: then there may be nothing to wait for.
    l.turn(l.has_members() ? -1 : 0);
  }
}

}  // namespace execo::detail
