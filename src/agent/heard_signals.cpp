#include "agent/heard_signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

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
  signalfd_siginfo got{};
  bool asked_to_end = false;
  while (::read(fd_.get(), &got, sizeof got) == static_cast<ssize_t>(sizeof got))
    if (got.ssi_signo != SIGCHLD) asked_to_end = true;
  on_heard_(asked_to_end);
}

}  // namespace execo::agent
