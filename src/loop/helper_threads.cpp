#include "loop/helper_threads.hpp"

#include <system_error>
#include <utility>

#include "base/signal_mask.hpp"

namespace execo::detail {

helper_threads::~helper_threads() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    queue_.clear();
  }
  wanted_.notify_all();
  for (std::thread& t : threads_) t.join();
}

bool helper_threads::available() noexcept {
  try {
    if (threads_.empty()) start_thread();
  } catch (...) {
    return false;
  }
  return true;
}

void helper_threads::submit(std::unique_ptr<helper_job> job) {
  bool more = false;
  {
    std::lock_guard lock(mutex_);
    more = queue_.size() >= idle_ && threads_.size() < most_;
  }
  if (more) start_thread();
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wanted_.notify_one();
}

void helper_threads::start_thread() {
  try {
    // First: a thread that has no place any more would end the program.
    threads_.reserve(threads_.size() + 1);
    threads_.push_back(masked_thread([this] { work(); }));
  } catch (...) {
    // The threads there are do it; without any, there is nothing that could.
    if (threads_.empty()) throw;
  }
}

void helper_threads::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wanted_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    std::unique_ptr<helper_job> next = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    next->work();
    loop_.post(*next.release());
    lock.lock();
  }
}

}  // namespace execo::detail
