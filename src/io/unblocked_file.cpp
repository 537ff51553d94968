#include "io/unblocked_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/file_target.hpp"

namespace execo::detail {
namespace {

bool is_regular(int fd) noexcept {
  struct stat what {};
  return ::fstat(fd, &what) == 0 && S_ISREG(what.st_mode);
}

// To open the master of a terminal once more would make another terminal; what it does to other
// devices is theirs to say.
bool can_be_opened_again(int fd) noexcept {
  struct stat what {};
  if (::fstat(fd, &what) != 0) return false;
  unsigned number = 0;
  bool master = ::ioctl(fd, TIOCGPTN, &number) == 0;
  return S_ISFIFO(what.st_mode) || (::isatty(fd) == 1 && !master);
}

}  // namespace

int unblocked_file::open(const file_path& path, int flags) noexcept {
  int fd = open_nonblocking(path, flags);
  if (fd < 0) return -fd;
  fd_.reset(fd);
  how_ = access::plain;
  return 0;
}

// A number of our own: epoll knows one waiter for each.
int unblocked_file::borrow(int fd) noexcept {
  int ours = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (ours < 0) return errno;
  fd_.reset(ours);
  how_ = is_regular(ours) ? access::plain : access::nowait;
  return 0;
}

ssize_t unblocked_file::read(void* into, std::size_t size) noexcept { return transfer(into, size); }

ssize_t unblocked_file::write(const void* from, std::size_t size) noexcept {
  return transfer(const_cast<void*>(from), size);
}

ssize_t unblocked_file::transfer(void* bytes, std::size_t size) noexcept {
  for (;;) {
    if (how_ == access::on_thread) return -EAGAIN;
    ssize_t n = attempt(bytes, size);
    if (n >= 0) return n;
    bool refused = how_ == access::nowait && (errno == EOPNOTSUPP || errno == ENOSYS);
    if (refused) {
      find_another_way();
    } else if (errno != EINTR) {
      return -errno;
    }
  }
}

ssize_t unblocked_file::attempt(void* bytes, std::size_t size) noexcept {
  bool in = way_ == direction::in;
  if (how_ == access::plain)
    return in ? ::read(fd_.get(), bytes, size) : ::write(fd_.get(), bytes, size);
  iovec part{bytes, size};
  return in ? ::preadv2(fd_.get(), &part, 1, -1, RWF_NOWAIT)
            : ::pwritev2(fd_.get(), &part, 1, -1, RWF_NOWAIT);
}

void unblocked_file::find_another_way() noexcept {
  how_ = access::on_thread;
  if (!can_be_opened_again(fd_.get())) return;
  char path[32];
  (void)::snprintf(path, sizeof path, "/proc/self/fd/%d", fd_.get());
  int flags = (way_ == direction::in ? O_RDONLY : O_WRONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int again = ::open(path, flags);
  if (again < 0) return;
  fd_.reset(again);
  how_ = access::plain;
}

}  // namespace execo::detail
