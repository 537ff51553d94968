#include "io/file_target.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "base/fd.hpp"

namespace execo::detail {
namespace {

// Unknown to others beforehand, so that nobody waits in a shared folder with a file of that name.
std::string random_suffix() {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number)
    number = static_cast<std::uint64_t>(::getpid());
  std::string suffix = ".";
  for (int i = 0; i < 12; ++i, number >>= 5)
    suffix += "abcdefghijklmnopqrstuvwxyz234567"[number & 31];
  return suffix + ".part";
}

}  // namespace

file_target::file_target(std::string path, mode how) : path_(std::move(path)), flags_(O_WRONLY) {
  if (how == mode::append) {
    flags_ |= O_CREAT | O_APPEND;
    return;
  }
  struct stat there {};
  if (::stat(path_.c_str(), &there) == 0) {
    if (!S_ISREG(there.st_mode)) return;
    // The file that a link names is replaced, not the link.
    std::unique_ptr<char, decltype(&::free)> real(::realpath(path_.c_str(), nullptr), &::free);
    if (real) path_ = real.get();
  }
  temporary_ = path_ + random_suffix();
  flags_ |= O_CREAT | O_EXCL;
}

std::error_code file_target::settle(bool whole) {
  if (temporary_.empty()) return {};
  std::string from = std::exchange(temporary_, {});
  if (!whole) {
    (void)::unlink(from.c_str());
    return {};
  }
  if (::rename(from.c_str(), path_.c_str()) == 0) return {};
  std::error_code why(errno, std::system_category());
  (void)::unlink(from.c_str());
  return why;
}

int open_nonblocking(const char* path, int flags) noexcept {
  int fd = above_standard_streams(::open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666));
  return fd < 0 ? -errno : fd;
}

int open_file(const char* path, int flags) noexcept {
  int fd = open_nonblocking(path, flags);
  if (fd >= 0) (void)::fcntl(fd, F_SETFL, flags & O_APPEND);
  return fd;
}

}  // namespace execo::detail
