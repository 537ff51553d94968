#include "close_count.hpp"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "sanitizers.hpp"

namespace {

std::atomic<unsigned> count{0};

}  // namespace

// ThreadSanitizer has a close of its own.
#ifndef EXECO_TEST_TSAN
// Comes before the C library's for the whole program: a symbol of the executable does.
extern "C" int close(int fd) {
  int result = static_cast<int>(::syscall(SYS_close, fd));
  if (result != 0 && errno == EBADF) count.fetch_add(1, std::memory_order_relaxed);
  return result;
}
#endif

namespace execo::test {

unsigned bad_closes() noexcept { return count.load(std::memory_order_relaxed); }

}  // namespace execo::test
