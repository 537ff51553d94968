// While the user is asked for what a login needs, no deadline of a login runs: the time to type is
// no host's.
#pragma once

#include <utility>

#include "execo/detail/node.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class user_pause final : public loop_service {
 public:
  explicit user_pause(loop& on) noexcept : loop_(on) {}

  /// The user is asked while it is open.
  class question {
   public:
    explicit question(user_pause& of) noexcept : of_(of) {}
    question(const question&) = delete;
    question& operator=(const question&) = delete;
    ~question() { close(); }

    void open() noexcept {
      if (!std::exchange(is_open_, true)) of_.begin();
    }
    void close() noexcept {
      if (std::exchange(is_open_, false)) of_.end();
    }

   private:
    user_pause& of_;
    bool is_open_ = false;
  };

  /// Waits for the end of all questions; stops waiting when destroyed. `over` only takes note.
  class waiter : private list_node {
   public:
    explicit waiter(delegate<> on_over) noexcept : over(on_over) {}
    delegate<> over;

   private:
    friend class user_pause;
  };

  bool lasts() const noexcept { return open_ > 0; }
  void wait(waiter& w) noexcept { w.link_before(waiting_); }
  /// Of all questions so far.
  clock::duration total() const noexcept {
    return lasts() ? total_ + (loop_.read_clock() - since_) : total_;
  }

 private:
  void begin() noexcept {
    if (open_++ == 0) since_ = loop_.read_clock();
  }
  void end() noexcept {
    if (--open_ > 0) return;
    total_ += loop_.read_clock() - since_;
    while (waiting_.linked()) {
      auto& w = static_cast<waiter&>(*waiting_.next());
      w.unlink();
      w.over();
    }
  }

  loop& loop_;
  unsigned open_ = 0;
  clock::time_point since_{};
  clock::duration total_{0};
  list_node waiting_;
};

}  // namespace execo::detail
