#include "fleet/child.hpp"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace execo::fleet {

namespace {

struct launch {
  std::array<char*, 4> argv;
  char* const* environment;
  const int* fds;
  bool terminal;
  pid_t parent;
  volatile int error;  // written by the child: vfork shares the memory until its exec
};

// The child side of vfork: system calls only, no allocation, no return. Sanitizers would
// instrument it with calls that are not meant for it.
[[noreturn, gnu::noinline]] __attribute__((no_sanitize("address", "undefined", "thread"))) void
become_command(launch& l) noexcept {
  (void)::setsid();
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != l.parent) ::_exit(127);  // the parent died before prctl
  if (l.terminal) (void)::ioctl(l.fds[0], TIOCSCTTY, 0);
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(l.fds[fd], fd) < 0) {
      l.error = errno;
      ::_exit(127);
    }
  }
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)::execve("/bin/sh", l.argv.data(), l.environment);
  l.error = errno;
  ::_exit(127);
}

// Not inlined: the child cannot overwrite the caller's frame.
[[gnu::noinline]] __attribute__((no_sanitize("address", "undefined", "thread"))) pid_t vfork_child(
    launch& l) noexcept {
  pid_t pid = ::vfork();
  if (pid == 0) become_command(l);
  return pid;
}

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

}  // namespace

std::vector<char*> merged_environment(const std::vector<std::string_view>& variables) {
  std::vector<char*> merged;
  for (char** own = environ; *own != nullptr; ++own) {
    bool replaced = false;
    for (std::string_view v : variables) replaced = replaced || name_of(v) == name_of(*own);
    if (!replaced) merged.push_back(*own);
  }
  // execve takes char* for historical reasons and writes to nothing.
  for (std::string_view v : variables) merged.push_back(const_cast<char*>(v.data()));
  merged.push_back(nullptr);
  return merged;
}

pid_t start_child(const child_plan& plan, int& error) noexcept {
  static char shell[] = "sh";
  static char option[] = "-c";
  launch l{{shell, option, const_cast<char*>(plan.command), nullptr},
           plan.environment.data(),
           plan.fds,
           plan.terminal,
           ::getpid(),
           0};
  if (plan.command == nullptr) l.argv = {shell, nullptr, nullptr, nullptr};
  pid_t pid = vfork_child(l);
  if (pid < 0) {
    error = errno;
    return -1;
  }
  if (l.error != 0) {
    error = l.error;
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return -1;
  }
  return pid;
}

}  // namespace execo::fleet
