#include "io/file_target.hpp"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "base/fd.hpp"
#include "base/random.hpp"
#include "io/umask.hpp"

namespace execo::detail {
namespace {

// Unknown to others beforehand, so that nothing of that name is put into a shared folder
// beforehand.
std::string random_suffix() { return "." + random_hex(8) + ".part"; }

// The file that a link names is replaced, not the link.
void follow_links(file_path& path) {
  constexpr int max_links = 40;  // as the kernel follows
  char target[PATH_MAX];
  for (int followed = 0; followed < max_links; ++followed) {
    ssize_t size = ::readlinkat(path.directory(), path.c_str(), target, sizeof target);
    if (size <= 0) return;
    std::size_t folder = target[0] == '/' ? 0 : path.text.rfind('/') + 1;
    path.text.replace(folder, path.text.npos, target, static_cast<std::size_t>(size));
  }
}

}  // namespace

file_target::file_target(file_path path, mode how)
    : path_(std::move(path)), flags_(O_WRONLY), keeps_(how == mode::keep) {
  if (how == mode::append) {
    flags_ |= O_CREAT | O_APPEND;
    return;
  }
  struct stat there {};
  if (::fstatat(path_.directory(), path_.c_str(), &there, 0) == 0) {
    if (!S_ISREG(there.st_mode)) return;
    follow_links(path_);
  }
  temporary_ = path_.text + random_suffix();
  flags_ |= O_CREAT | O_EXCL;
}

file_path file_target::open_path() const {
  file_path path = path_;
  if (!temporary_.empty()) path.text = temporary_;
  return path;
}

std::error_code file_target::finalize(bool whole) {
  if (temporary_.empty()) return {};
  std::string from = std::exchange(temporary_, {});
  if (!whole && !keeps_) {
    (void)::unlinkat(path_.directory(), from.c_str(), 0);
    return {};
  }
  int directory = path_.directory();
  if (::renameat(directory, from.c_str(), directory, path_.c_str()) == 0) return {};
  std::error_code why(errno, std::system_category());
  (void)::unlinkat(directory, from.c_str(), 0);
  return why;
}

namespace {

int open_with(const file_path& path, int flags, mode_t mode) noexcept {
  constexpr int always = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int fd = above_standard_streams(::openat(path.directory(), path.c_str(), flags | always, mode));
  return fd < 0 ? -errno : fd;
}

/// A file that is not there. In a folder with access lists no mask counts, so that of the start is
/// used only where another one would be.
int make_file(const file_path& path, int flags) noexcept {
  constexpr mode_t all = 0666;
  if (!path.mask || listed_umask() == path.mask) return open_with(path, flags, all);
  mode_t mode = all & ~*path.mask;
  int fd = open_with(path, flags, mode);
  // The mask of this moment may have taken more.
  if (fd >= 0) (void)::fchmod(fd, mode);
  return fd;
}

}  // namespace

int open_nonblocking(const file_path& path, int flags) noexcept {
  if ((flags & O_CREAT) == 0) return open_with(path, flags, 0);
  if ((flags & O_EXCL) != 0) return make_file(path, flags);
  struct stat there {};
  bool is_there = ::fstatat(path.directory(), path.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
  int made = is_there ? -EEXIST : make_file(path, flags | O_EXCL);
  // Or another one made it meanwhile. O_CREAT stays: by it the kernel knows who must not be trusted
  // with a file in a shared folder.
  return made == -EEXIST ? open_with(path, flags, 0666) : made;
}

int open_file(const file_path& path, int flags) noexcept {
  int fd = open_nonblocking(path, flags);
  if (fd >= 0) (void)::fcntl(fd, F_SETFL, flags & O_APPEND);
  return fd;
}

}  // namespace execo::detail
