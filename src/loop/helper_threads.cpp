#include "loop/helper_threads.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <utility>

#include "base/signal_mask.hpp"

namespace execo::detail {

// Shared by the owner and the threads, one of which may outlive the owner.
class helper_threads::shared_state {
 public:
  explicit shared_state(loop& on) noexcept : home(on) {}

  void work();

  std::mutex mutex;
  std::condition_variable wanted;
  std::deque<std::unique_ptr<helper_job>> queue;
  std::vector<std::thread::id> busy;
  std::size_t idle = 0;
  // running -> stopping: threads end when they have no job. running -> abandoned: the owner does
  // not wait; a finished job is destroyed, not posted, and `home` may not be used.
  enum class stage : std::uint8_t { running, stopping, abandoned };
  stage now = stage::running;
  loop& home;
};

helper_threads::helper_threads(loop& on, std::size_t most, work_at_end rest)
    : max_(most), rest_(rest), shared_(std::make_shared<shared_state>(on)) {}

helper_threads::~helper_threads() {
  std::vector<std::thread::id> left;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->queue.clear();
    bool waits = rest_ == work_at_end::awaited;
    shared_->now = waits ? shared_state::stage::stopping : shared_state::stage::abandoned;
    if (!waits) left.swap(shared_->busy);
  }
  shared_->wanted.notify_all();
  for (std::thread& t : threads_) {
    bool is_busy = std::ranges::find(left, t.get_id()) != left.end();
    is_busy ? t.detach() : t.join();
  }
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
    std::lock_guard lock(shared_->mutex);
    more = shared_->queue.size() >= shared_->idle && threads_.size() < max_;
  }
  if (more) start_thread();
  {
    std::lock_guard lock(shared_->mutex);
    shared_->queue.push_back(std::move(job));
  }
  shared_->wanted.notify_one();
}

void helper_threads::start_thread() {
  try {
    // First: a thread that has no place any more would end the program.
    threads_.reserve(threads_.size() + 1);
    {
      std::lock_guard lock(shared_->mutex);
      shared_->busy.reserve(threads_.size() + 1);
    }
    threads_.push_back(masked_thread([state = shared_] { state->work(); }));
  } catch (...) {
    // The threads there are do it; without any, there is nothing that could.
    if (threads_.empty()) throw;
  }
}

void helper_threads::shared_state::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    ++idle;
    wanted.wait(lock, [this] { return now != stage::running || !queue.empty(); });
    --idle;
    if (queue.empty()) return;
    std::unique_ptr<helper_job> next = std::move(queue.front());
    queue.pop_front();
    busy.push_back(std::this_thread::get_id());
    lock.unlock();
    next->work();
    lock.lock();
    if (now == stage::abandoned) return;
    std::erase(busy, std::this_thread::get_id());
    home.post(*next.release());
  }
}

}  // namespace execo::detail
