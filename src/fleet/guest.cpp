#include "fleet/guest.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <system_error>

namespace execo::fleet {

namespace {

constexpr auto grace_period = std::chrono::seconds(10);

[[noreturn]] void become(char* const* words, pid_t parent, const rlimit& files, int failure) {
  (void)::setrlimit(RLIMIT_NOFILE, &files);
  (void)std::signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() == parent) ::execvp(words[0], words);
  int error = errno;
  (void)!::write(failure, &error, sizeof(error));
  ::_exit(127);
}

}  // namespace

guest::guest(reactor& r, const std::vector<std::string>& words, std::uint16_t port,
             const rlimit& files)
    : reactor_(r),
      ended_(delegate<std::uint32_t>::to<&guest::on_ended>(this)),
      overdue_(delegate<>::to<&guest::on_overdue>(this), "end of the command") {
  (void)::setenv("EXECO_FLEET_PORT", std::to_string(port).c_str(), 1);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  unique_fd failure(ends[0]), failure_in_child(ends[1]);
  pid_t self = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) become(argv.data(), self, files, failure_in_child.get());
  failure_in_child.reset();
  int error = 0;
  if (::read(failure.get(), &error, sizeof(error)) == sizeof(error)) {
    reap();
    throw std::system_error(error, std::generic_category(), words[0]);
  }
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) {
    error = errno;
    (void)::kill(pid_, SIGKILL);
    reap();
    throw std::system_error(error, std::generic_category(), "pidfd_open");
  }
  reactor_.add(pidfd_.get(), EPOLLIN, ended_);
}

guest::~guest() { (void)exit_status(); }

bool guest::handles(int signal, bool from_terminal) noexcept {
  if (pid_ < 0 || signalled_) return false;
  signalled_ = true;
  if (!from_terminal) (void)::kill(pid_, signal);
  reactor_.arm(overdue_, grace_period);
  return true;
}

int guest::exit_status() noexcept {
  reactor_.disarm(overdue_);
  if (pid_ >= 0) {
    (void)::kill(pid_, SIGKILL);
    reap();
  }
  return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

void guest::on_ended(std::uint32_t) {
  reactor_.remove(pidfd_.get(), ended_);
  reap();
  reactor_.stop();
}

void guest::on_overdue() { reactor_.stop(); }

void guest::reap() noexcept {
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

}  // namespace execo::fleet
