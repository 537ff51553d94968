#include "process/memory_program.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace execo::detail {
namespace {

// One that is written to cannot be executed.
unique_fd for_reading(const unique_fd& file) noexcept {
  std::array<char, 32> path{};
  (void)std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", file.get());
  return unique_fd(::open(path.data(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

unique_fd program_in_memory(const char* name, const char* begin, const char* end) noexcept {
  unique_fd made(::memfd_create(name, MFD_CLOEXEC | MFD_EXEC));
  // Linux before 6.3 does not know the flag.
  if (!made && errno == EINVAL) made.reset(::memfd_create(name, MFD_CLOEXEC));
  auto size = static_cast<std::size_t>(end - begin);
  bool whole = made && ::write(made.get(), begin, size) == static_cast<ssize_t>(size);
  return whole ? for_reading(made) : unique_fd();
}

}  // namespace execo::detail
