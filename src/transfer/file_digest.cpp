#include "transfer/file_digest.hpp"

#include <errno.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <utility>
#include <vector>

#include "base/contain.hpp"
#include "transfer/digest_threads.hpp"

namespace execo::detail {

/// Between one who waits and the job.
class file_digest::link {
 public:
  file_digest* waiting;  // of the loop's thread
  delegate<> done;
  std::atomic<bool> given_up{false};
};

class file_digest::job final : public helper_job {
 public:
  job(std::shared_ptr<link> to, unique_fd file, std::uint64_t bytes)
      : link_(std::move(to)), file_(std::move(file)), bytes_(bytes) {}

  void work() noexcept override {
    contain([this] { read(); }, [](const std::exception_ptr&) {});
  }
  void finished() noexcept override {
    file_digest* waiting = link_->waiting;
    if (waiting == nullptr) return;
    waiting->sum_ = std::move(sum_);
    link_->done();
  }

 private:
  void read() {
    sha256 sum;
    std::vector<char> buffer(digest_threads::bytes_at_once);
    for (std::uint64_t at = 0; at < bytes_;) {
      if (link_->given_up.load(std::memory_order_relaxed)) return;
      auto most = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), bytes_ - at));
      ssize_t count = ::pread(file_.get(), buffer.data(), most, static_cast<off_t>(at));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return;
      sum.update(std::span<const char>(buffer.data(), static_cast<std::size_t>(count)));
      at += static_cast<std::uint64_t>(count);
    }
    sum_ = std::move(sum);
  }

  std::shared_ptr<link> link_;
  unique_fd file_;
  std::uint64_t bytes_;
  std::optional<sha256> sum_;
};

void file_digest::begin(loop& on, unique_fd file, std::uint64_t bytes, delegate<> done) {
  give_up();
  link_ = std::make_shared<link>();
  link_->waiting = this;
  link_->done = done;
  auto work = std::make_unique<job>(link_, std::move(file), bytes);
  on.service<digest_threads>().threads.submit(std::move(work));
}

void file_digest::give_up() noexcept {
  if (!link_) return;
  link_->waiting = nullptr;
  link_->given_up.store(true, std::memory_order_relaxed);
  link_.reset();
}

}  // namespace execo::detail
