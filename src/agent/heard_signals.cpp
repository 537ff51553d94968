#include "agent/heard_signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "agent/start.hpp"

namespace execo::agent {

heard_signals::heard_signals(reactor& on, delegate<bool> on_heard)
    : on_heard_(on_heard), ready_(delegate<std::uint32_t>::to<&heard_signals::on_ready>(this)) {
  sigset_t heard;
  (void)::sigemptyset(&heard);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD}) (void)::sigaddset(&heard, number);
  fd_.reset(::signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_ || !on.look(ready_, fd_.get(), EPOLLIN))
    give_up("signals cannot be read: no descriptors, or the kernel forbids it");
}

void heard_signals::on_ready(std::uint32_t) {
  // One of each at most: as many as are heard.
  std::array<signalfd_siginfo, 5> got{};
  const ssize_t size = ::read(fd_.get(), got.data(), sizeof got);
  const auto count = static_cast<std::size_t>(std::max<ssize_t>(size, 0)) / sizeof got[0];
  const bool asked_to_end =
      std::any_of(got.begin(), got.begin() + static_cast<std::ptrdiff_t>(count),
                  [](const signalfd_siginfo& one) { return one.ssi_signo != SIGCHLD; });
  on_heard_(asked_to_end);
}

}  // namespace execo::agent
