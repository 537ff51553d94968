#include "fleet/stdio_ends.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace execo::fleet {

namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void set_nonblocking(const unique_fd& fd) {
  int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) fail("fcntl");
}

void make_pipe(unique_fd& reading, unique_fd& writing) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  reading.reset(ends[0]);
  writing.reset(ends[1]);
}

unique_fd duplicate(const unique_fd& fd) {
  unique_fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!copy) fail("F_DUPFD_CLOEXEC");
  return copy;
}

}  // namespace

stdio_ends make_pipes() {
  stdio_ends ends;
  make_pipe(ends.child_in, ends.in);
  make_pipe(ends.out, ends.child_out);
  make_pipe(ends.err, ends.child_err);
  set_nonblocking(ends.in);
  set_nonblocking(ends.out);
  set_nonblocking(ends.err);
  return ends;
}

stdio_ends make_terminal(const winsize& size) {
  stdio_ends ends;
  ends.out.reset(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.out) fail("posix_openpt");
  if (::grantpt(ends.out.get()) != 0 || ::unlockpt(ends.out.get()) != 0) fail("unlockpt");
  ends.child_in.reset(::ioctl(ends.out.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!ends.child_in) fail("TIOCGPTPEER");
  (void)::ioctl(ends.out.get(), TIOCSWINSZ, &size);  // a terminal works without a size, too
  set_nonblocking(ends.out);
  ends.in = duplicate(ends.out);
  ends.child_out = duplicate(ends.child_in);
  ends.child_err = duplicate(ends.child_in);
  return ends;
}

}  // namespace execo::fleet
