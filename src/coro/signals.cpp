#include "execo/signals.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "base/fd.hpp"
#include "execo/sync_wait.hpp"
#include "execo/timeout.hpp"
#include "execo/when_any.hpp"
#include "loop/loop.hpp"

namespace execo {
namespace detail {

/// Polls a number of its own: epoll knows one waiter for each.
struct signal_wait {
  explicit signal_wait(signal_op& o)
      : op(o),
        fd(::fcntl(o.descriptor_, F_DUPFD_CLOEXEC, 3)),
        poll(delegate<int>::to<&signal_wait::on_ready>(this)) {
    if (!fd) throw std::system_error(errno, std::system_category(), "dup a signalfd");
  }

  void begin() noexcept {
    poll.prepare_poll(fd.get(), POLLIN);
    op.work().start(poll);
  }

  // Another awaiter may have been faster.
  void on_ready(int) {
    signalfd_siginfo info{};
    if (!stopped && ::read(fd.get(), &info, sizeof info) == sizeof info)
      op.number_ = static_cast<int>(info.ssi_signo);
    if (stopped || op.number_ != 0) return op.complete();
    begin();
  }

  signal_op& op;
  unique_fd fd;
  io_request poll;
  bool stopped = false;
};

signal_op::signal_op(signal_op&& other) noexcept
    : operation(std::move(other)), descriptor_(other.descriptor_) {}
signal_op::signal_op(int descriptor) noexcept : descriptor_(descriptor) {}
signal_op::~signal_op() = default;

loop& signal_op::bind(loop* affinity) {
  wait_ = std::make_unique<signal_wait>(*this);
  return loop_or_default(affinity);
}

void signal_op::on_start(bool stopped) noexcept {
  if (stopped) return complete();
  wait_->begin();
}

void signal_op::on_stop() noexcept {
  if (wait_->stopped || !wait_->poll.active) return stop_missed();
  wait_->stopped = true;
  work().cancel(wait_->poll);
}

int signal_op::await_resume() const {
  if (number_ == 0) throw operation_cancelled();
  return number_;
}

}  // namespace detail

signals::signals(std::initializer_list<int> numbers) {
  sigset_t taken, before;
  sigemptyset(&taken);
  for (int number : numbers) {
    constexpr std::array untakable{SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    bool refused = std::find(untakable.begin(), untakable.end(), number) != untakable.end();
    if (refused || sigaddset(&taken, number) != 0)
      throw std::invalid_argument("signal " + std::to_string(number) + " cannot be awaited");
  }
  detail::unique_fd made(::signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!made) throw std::system_error(errno, std::system_category(), "signalfd");
  if (int error = ::pthread_sigmask(SIG_BLOCK, &taken, &before); error != 0)
    throw std::system_error(error, std::system_category(), "pthread_sigmask");
  sigemptyset(&added_);
  for (int number : numbers)
    if (sigismember(&before, number) == 0) sigaddset(&added_, number);
  descriptor_ = made.release();
}

signals::~signals() {
  (void)::close(descriptor_);
  (void)::pthread_sigmask(SIG_UNBLOCK, &added_, nullptr);
}

namespace {

// `timeout` signals its command, and then the group that the command is in: the same wish.
constexpr auto same_wish = std::chrono::milliseconds(200);

task<int> stop_at_signal(signals& from, std::stop_source stop, int& caught) {
  caught = co_await from.next();
  auto since = detail::clock::now();
  (void)stop.request_stop();
  for (;;) {
    int again = co_await from.next();
    if (detail::clock::now() - since >= same_wish) ::_exit(128 + again);
  }
}

task<int> watched(task<int> work, signals& from, int& caught) {
  std::stop_source stop;
  auto both =
      when_any(with_stop(std::move(work), stop.get_token()), stop_at_signal(from, stop, caught));
  any_result<int> first = co_await std::move(both);
  co_return first.value;
}

}  // namespace

int run_main(task<int> work) {
  struct sigaction hangup {};
  bool is_ignored = ::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler == SIG_IGN;
  signals asked(SIGINT, SIGTERM, is_ignored ? SIGTERM : SIGHUP);
  int caught = 0;
  try {
    int code = sync_wait(watched(std::move(work), asked, caught));
    return caught == 0 ? code : 128 + caught;
  } catch (const operation_cancelled&) {
    if (caught == 0) throw;
    return 128 + caught;
  }
}

}  // namespace execo
