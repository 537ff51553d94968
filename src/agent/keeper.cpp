#include "agent/keeper.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "agent/descendants.hpp"
#include "agent/start.hpp"

namespace execo::agent {
namespace {

sigset_t heard_signals() noexcept {
  sigset_t heard;
  (void)::sigemptyset(&heard);
  for (int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD}) (void)::sigaddset(&heard, number);
  return heard;
}

void reset_signals() noexcept {
  for (int number = 1; number < NSIG; ++number) (void)::signal(number, SIG_DFL);
  (void)::signal(SIGPIPE, SIG_IGN);
}

/// True, with the status, once the agent is gone. Orphans are reaped beside it.
bool is_gone(pid_t agent, int& status) noexcept {
  for (;;) {
    int one = 0;
    pid_t gone = ::waitpid(-1, &one, WNOHANG);
    if (gone == agent) {
      status = one;
      return true;
    }
    if (gone == 0 || (gone < 0 && errno != EINTR)) return false;
  }
}

[[noreturn]] void keep(pid_t agent) noexcept {
  // Whoever reads the link is to see its end with that of the agent.
  (void)::syscall(SYS_close_range, 0U, ~0U, 0U);
  sigset_t heard = heard_signals();
  int status = 0;
  while (!is_gone(agent, status)) {
    int number = ::sigwaitinfo(&heard, nullptr);
    if (number <= 0 || number == SIGCHLD) continue;
    (void)::kill(agent, SIGTERM);
    // One that is stopped would not hear it.
    (void)::kill(agent, SIGCONT);
  }
  end_all_children();
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace

void be_kept() {
  reset_signals();
  sigset_t heard = heard_signals();
  (void)::sigprocmask(SIG_SETMASK, &heard, nullptr);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t keeper = ::getpid();
  pid_t agent = ::fork();
  if (agent < 0) give_up("there can be no more processes");
  if (agent > 0) keep(agent);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // A signal to the group of the keeper leaves one of both, to end what commands have started.
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != keeper) ::_exit(1);
}

}  // namespace execo::agent
