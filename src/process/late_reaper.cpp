#include "process/late_reaper.hpp"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>

namespace execo::detail {
namespace {

struct left_children {
  std::mutex guard;
  std::vector<unreaped_child> all;
  std::atomic<bool> any{false};
};

// Never destroyed: loops may end after static objects.
left_children& left_behind() {
  static auto* left = new left_children;
  return *left;
}

}  // namespace

bool unreaped_child::reap() noexcept {
  if (monitor_) return monitor_->reap();
  siginfo_t info{};
  auto pidfd = static_cast<id_t>(pidfd_.get());
  // An error: other code reaped it, or this process is a copy of its parent.
  return ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid != 0;
}

struct late_reaper::entry {
  entry(late_reaper& o, unreaped_child c)
      : owner(o),
        child(std::move(c)),
        ready(delegate<int>::to<&entry::on_ready>(this)),
        again(delegate<>::to<&entry::look_again>(this), "child that was given up") {
    ready.prepare_poll(child.readiness(), POLLIN);
  }

  void on_ready(int) {
    if (child.reap()) return owner.drop(*this);
    owner.loop_.arm_after(again, fruitless_pause);
  }
  void look_again() { owner.loop_.start(ready); }

  late_reaper& owner;
  unreaped_child child;
  io_request ready;
  deadline_timer again;
};

late_reaper::late_reaper(loop& on) noexcept : loop_(on) {}

void late_reaper::take(unreaped_child child) noexcept {
  try {
    entries_.push_back(std::make_unique<entry>(*this, std::move(child)));
  } catch (const std::bad_alloc&) {
    return;  // it stays a zombie then
  }
  loop_.start(entries_.back()->ready);
}

void late_reaper::drop(entry& one) noexcept {
  auto is_it = [&one](const std::unique_ptr<entry>& e) { return e.get() == &one; };
  entries_.erase(std::ranges::find_if(entries_, is_it));
}

late_reaper::~late_reaper() {
  left_children& left = left_behind();
  std::scoped_lock lock(left.guard);
  for (auto& one : entries_) {
    loop_.disarm(one->again);
    if (!one->child.reap()) left.all.push_back(std::move(one->child));
  }
  left.any.store(!left.all.empty(), std::memory_order_relaxed);
}

void late_reaper::take_over(loop& on) {
  left_children& left = left_behind();
  if (!left.any.load(std::memory_order_relaxed)) return;
  std::unique_lock lock(left.guard, std::try_to_lock);
  if (!lock) return;
  auto& here = on.service<late_reaper>();
  for (unreaped_child& child : left.all)
    if (!child.reap()) here.take(std::move(child));
  left.all.clear();
  left.any.store(false, std::memory_order_relaxed);
}

}  // namespace execo::detail
