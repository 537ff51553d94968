#include "interrupts.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>
#include <utility>

namespace execo::cli {
namespace {

// A second signal within this time counts as the first: `timeout` signals its command and then the
// command's group.
constexpr auto same_signal = std::chrono::milliseconds(200);

int checked(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return fd;
}

void signal_event(int fd) noexcept {
  std::uint64_t one = 1;
  // An eventfd takes a write unless its counter is about to overflow.
  (void)!::write(fd, &one, sizeof one);
}

// Shells start background commands with SIGINT ignored, but an explicit `kill -INT` must work.
// Only SIGHUP stays ignored, for nohup.
sigset_t signals_to_take(bool steers) noexcept {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  if (steers) sigaddset(&set, SIGUSR1);
  if (steers) sigaddset(&set, SIGUSR2);
  struct sigaction hangup {};
  if (::sigaction(SIGHUP, nullptr, &hangup) != 0 || hangup.sa_handler != SIG_IGN)
    sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

stop_flag::stop_flag() : fd_(checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {}
stop_flag::~stop_flag() { (void)::close(fd_); }

void stop_flag::raise(std::chrono::steady_clock::time_point when) noexcept {
  since_ = when;
  raised_.store(true, std::memory_order_release);
  signal_event(fd_);
}

interrupts::interrupts(stop_flag& flag, std::function<void()> on_first,
                       std::function<void(steering)> on_steering)
    : flag_(flag), on_first_(std::move(on_first)), on_steering_(std::move(on_steering)) {
  sigset_t set = signals_to_take(static_cast<bool>(on_steering_));
  int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  if (error != 0) throw std::system_error(error, std::generic_category(), "pthread_sigmask");
  // An ignored signal would not reach the signalfd.
  for (int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2})
    if (sigismember(&set, signal) == 1) (void)::signal(signal, SIG_DFL);
  signals_ = checked(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd");
  finish_ = checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
  thread_ = std::thread([this] { watch(); });
}

interrupts::~interrupts() {
  signal_event(finish_);
  thread_.join();
  (void)::close(finish_);
  (void)::close(signals_);
}

void interrupts::watch() {
  pollfd watched[2] = {{signals_, POLLIN, 0}, {finish_, POLLIN, 0}};
  while (true) {
    if (::poll(watched, 2, -1) < 0) continue;  // EINTR
    if (watched[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof info) == sizeof info) take(info);
  }
}

void interrupts::take(const signalfd_siginfo& signal) {
  const auto number = static_cast<int>(signal.ssi_signo);
  if (number == SIGUSR1) return on_steering_(steering::toggle());
  if (number == SIGUSR2) {
    const bool has_count = signal.ssi_code == SI_QUEUE && signal.ssi_int > 0;
    if (has_count) on_steering_(steering::fanout(static_cast<std::size_t>(signal.ssi_int)));
    return;
  }
  if (!flag_.raised()) {
    flag_.raise();
    on_first_();
  } else if (std::chrono::steady_clock::now() - flag_.since() > same_signal) {
    ::_exit(130);
  }
}

}  // namespace execo::cli
