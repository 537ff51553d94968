#include "io/blocking_call.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "base/signal_mask.hpp"

namespace execo::detail {

/// Shared by the thread and the loop; the last of them frees it.
class blocking_call::job : public queue_node {
 public:
  job(blocking_call& owner, unblocked_file::direction way, std::size_t size)
      : queue_node(delegate<>::to<&job::come_back>(this)),
        size_(size),
        way_(way),
        bytes_(std::make_unique_for_overwrite<char[]>(size)),
        home_(&owner.loop_),
        owner_(&owner) {}

  bool take(int fd) noexcept {
    fd_.reset(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    return static_cast<bool>(fd_);
  }
  char* bytes() noexcept { return bytes_.get(); }

  // Signals are the application's, and SIGPIPE ends with the thread.
  void start() {
    masked_thread([this] { work(); }).detach();
  }

  // On the loop's thread.
  void abandon() noexcept {
    std::lock_guard lock(mutex_);
    home_ = nullptr;
    owner_ = nullptr;
  }

 private:
  void work() noexcept {
    ssize_t n = 0;
    do {
      n = way_ == unblocked_file::direction::in ? ::read(fd_.get(), bytes_.get(), size_)
                                                : ::write(fd_.get(), bytes_.get(), size_);
    } while (n < 0 && errno == EINTR);
    result_ = n < 0 ? -errno : static_cast<int>(n);
    fd_.reset();
    std::unique_lock lock(mutex_);
    if (home_ != nullptr) return home_->post(*this);
    lock.unlock();
    delete this;
  }

  // It was posted, so the thread does not touch it once it has let go of the mutex.
  void come_back() noexcept {
    { std::lock_guard lock(mutex_); }
    if (owner_ == nullptr) return delete this;
    blocking_call& to = *owner_;
    to.job_ = nullptr;
    to.finished_.reset(this);
    // It may begin the next one, or destroy its call.
    to.done_(result_);
  }

  const std::size_t size_;
  const unblocked_file::direction way_;
  std::unique_ptr<char[]> bytes_;
  unique_fd fd_;
  int result_ = 0;
  std::mutex mutex_;
  loop* home_;            // null: no loop waits for it any more
  blocking_call* owner_;  // the loop's
};

blocking_call::blocking_call(loop& on, delegate<int> done) noexcept : loop_(on), done_(done) {}
blocking_call::~blocking_call() { abandon(); }

int blocking_call::read(int fd, std::size_t size) noexcept {
  return begin(fd, unblocked_file::direction::in, size, nullptr);
}

int blocking_call::write(int fd, std::span<const char> bytes) noexcept {
  return begin(fd, unblocked_file::direction::out, bytes.size(), bytes.data());
}

int blocking_call::begin(int fd, unblocked_file::direction way, std::size_t size,
                         const char* bytes) noexcept {
  assert(!active());
  finished_.reset();
  try {
    auto made = std::make_unique<job>(*this, way, size);
    if (!made->take(fd)) return errno;
    if (bytes != nullptr) std::copy_n(bytes, size, made->bytes());
    made->start();
    job_ = made.release();
    return 0;
  } catch (const std::system_error& error) {
    return error.code().value();
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
}

const char* blocking_call::bytes() const noexcept { return finished_->bytes(); }

void blocking_call::abandon() noexcept {
  if (job_ != nullptr) std::exchange(job_, nullptr)->abandon();
}

}  // namespace execo::detail
