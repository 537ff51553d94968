#include "agent/terminal.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <string>

namespace execo::agent {
namespace {

constexpr int open_flags = O_RDWR | O_NOCTTY | O_CLOEXEC;

// By its name it may be another one's, in another mount of /dev/pts; before Linux 4.13 there is no
// other way.
int open_other_end(int ours) {
  const int opened = ::ioctl(ours, TIOCGPTPEER, open_flags);
  if (opened >= 0) return opened;
  unsigned number = 0;
  if (::ioctl(ours, TIOCGPTN, &number) != 0) return -1;
  return ::open(("/dev/pts/" + std::to_string(number)).c_str(), open_flags);
}

}  // namespace

bool make_terminal(terminal_size size, detail::unique_fd& ours, detail::unique_fd& theirs) {
  ours.reset(::open("/dev/ptmx", open_flags | O_NONBLOCK));
  int locked = 0;
  if (!ours || ::ioctl(ours.get(), TIOCSPTLCK, &locked) != 0) return false;
  winsize wanted{};
  wanted.ws_row = size.rows;
  wanted.ws_col = size.columns;
  (void)::ioctl(ours.get(), TIOCSWINSZ, &wanted);
  theirs.reset(open_other_end(ours.get()));
  return static_cast<bool>(theirs);
}

}  // namespace execo::agent
