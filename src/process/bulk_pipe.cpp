#include "process/bulk_pipe.hpp"

#include <fcntl.h>

#include <atomic>
#include <chrono>

namespace execo::detail {
namespace {

constexpr int wide_bytes = 1024 * 1024;  // what an unprivileged process may ask for by default

// 8 MiB of the user's 64.
constexpr int max_wide = 8;
constinit std::atomic<int> wide_now{0};

// So many full pipes in so short a time: 10 MiB/s or more.
constexpr unsigned full_reads = 16;
constexpr auto window = std::chrono::milliseconds(100);

}  // namespace

bulk_pipe::~bulk_pipe() {
  if (wide_) wide_now.fetch_sub(1, std::memory_order_relaxed);
}

void bulk_pipe::count_full(int fd, clock::time_point now) noexcept {
  if (full_ == 0) since_ = now;
  if (++full_ < full_reads) return;
  full_ = 0;
  if (now - since_ > window) return;
  // Once, whether it is granted or not.
  allowed_ = false;
  if (wide_now.fetch_add(1, std::memory_order_relaxed) < max_wide &&
      ::fcntl(fd, F_SETPIPE_SZ, wide_bytes) >= wide_bytes) {
    wide_ = true;
  } else {
    wide_now.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace execo::detail
