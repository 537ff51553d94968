// Who waits for a descriptor: socket(2) said EMFILE or ENFILE. One waiter goes on whenever a
// session of this environment ends, and one every 100 ms in case others of this process freed some.
#pragma once

#include "execo/detail/deadline_timer.hpp"
#include "execo/detail/delegate.hpp"
#include "execo/detail/node.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class descriptor_queue {
 public:
  class waiter : private list_node {
   public:
    explicit waiter(delegate<> on_retry) noexcept : retry(on_retry) {}
    bool waiting() const noexcept { return linked(); }
    void abandon() noexcept { unlink(); }
    delegate<> retry;

   private:
    friend class descriptor_queue;
  };

  explicit descriptor_queue(loop& on)
      : loop_(on),
        tick_(delegate<>::to<&descriptor_queue::wake_one>(this), "wait for a descriptor") {}

  void wait(waiter& w) {
    w.link_before(waiting_);
    if (!tick_.armed()) loop_.arm_after(tick_, std::chrono::milliseconds(100));
  }
  void opened() noexcept { ++open_; }
  void freed() {
    --open_;
    wake_one();
  }
  /// Sockets of this environment.
  unsigned open() const noexcept { return open_; }

 private:
  void wake_one() {
    if (!waiting_.linked()) return;
    auto& next = static_cast<waiter&>(*waiting_.next());
    next.unlink();
    next.retry();
    if (waiting_.linked()) loop_.arm_after(tick_, std::chrono::milliseconds(100));
  }

  loop& loop_;
  list_node waiting_;
  deadline_timer tick_;
  unsigned open_ = 0;
};

}  // namespace execo::detail
