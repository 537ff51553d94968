// A command that is our own child is reaped here and nowhere else, so its number cannot be reused
// before, and signals to its group and session are safe until then. One that has a monitor is that
// one's child.
#include "process/child_scope.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/contain.hpp"
#include "process/command_guard.hpp"
#include "process/process_table.hpp"

namespace execo::detail {
namespace {

constexpr unsigned to_process_group = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9

bool is_readable(int fd) noexcept {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

std::chrono::microseconds time_of(const timeval& t) {
  return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
}

std::size_t count_group(pid_t leader) {
  auto others = living_processes([leader](const process_entry& entry) {
    return entry.group == leader && entry.pid != leader;
  });
  return others.size();
}

/// The command is our child: its end comes through its pidfd, and it is reaped here.
class direct_scope : public child_scope {
 public:
  using child_scope::child_scope;

  void bind_to_program(child_settings& settings) override {
    guard_.take(on());
    settings.guard = guard_.slot();
    settings.reach = guarded_by(which());
    settings.dies_with_its_starter = settings.guard == nullptr;
  }
  void outlive() noexcept override { guard_.give_back(); }

 protected:
  /// What is left is ended with the command in any case.
  virtual bool ends_with_command() const noexcept { return false; }
  /// Other code reaped the command, because SIGCHLD is ignored, say.
  virtual void end_rest_of_lost() noexcept {
    if (is_number_free()) end_rest();
  }
  void end_rest() noexcept {
    if (ends_with_command() || presses()) signal_rest(SIGKILL);
  }
  // Its number may be another's by now. It is not while no process has it: what has it for its
  // group or session is the command's.
  bool is_number_free() const noexcept { return ::kill(pid(), 0) != 0 && errno == ESRCH; }

 private:
  void take(spawn_result&, cgroup_leaf) noexcept override {}
  int end_readiness() const noexcept override { return pidfd(); }
  void on_end_ready(int result) override;
  void end_rest_before_reaping() noexcept;
  // The handle of a run may outlive the loop, and so this object.
  std::optional<unreaped_child> give_back(unique_fd pidfd) noexcept override {
    guard_.give_back();
    if (!pidfd) return std::nullopt;
    return unreaped_child(std::move(pidfd), nullptr);
  }

  guarded_command guard_;
};

// Until the command is reaped, its zombie keeps the numbers of its group and session from being
// reused.
void direct_scope::end_rest_before_reaping() noexcept {
  siginfo_t info{};
  auto id = static_cast<id_t>(pidfd());
  bool known = ::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
  bool lost = !known && errno == ECHILD;
  if (known && info.si_pid != 0) end_rest();
  if (lost) end_rest_of_lost();
}

void direct_scope::on_end_ready(int) {
  if (ends_with_command() || presses()) end_rest_before_reaping();
  guard_.forget();
  // The C library's waitid() leaves out the last argument.
  siginfo_t info{};
  rusage used{};
  long r = ::syscall(SYS_waitid, P_PIDFD, pidfd(), &info, WEXITED | WNOHANG, &used);
  bool lost = r != 0 && errno == ECHILD;
  // A tracer has the zombie: its end is not for us to see yet, and its pidfd stays readable.
  if (!lost && (r != 0 || info.si_pid == 0)) {
    guard_.remember();
    return owner().on_nothing_found();
  }
  guard_.give_back();
  if (lost) return command_gone(exit_status());
  note_usage(used);
  bool by_code = info.si_code == CLD_EXITED;
  command_gone(by_code ? exit_status::of_code(info.si_status)
                       : exit_status::of_signal(info.si_status));
}

/// The command alone.
class process_scope final : public direct_scope {
 public:
  using direct_scope::direct_scope;

 private:
  signalled signal_others(int) override { return {}; }
};

/// Its process group, which is ours to signal: the child made it.
class group_scope final : public direct_scope {
 public:
  group_scope(kill_scope which, loop& on, child_scope_owner& owner, bool counts) noexcept
      : direct_scope(which, on, owner), counts_(counts) {}

 private:
  // A signal to the group that it made does not reach it when it has left that.
  bool others_include_command() const noexcept override {
    pid_t group = ::getpgid(pid());
    return group <= 0 || group == pid();
  }
  signalled signal_others(int number) override {
    signalled others;
    if (counts_) others.count = count_group(pid());
    signal_group(number);
    return others;
  }
  // Through the pidfd the group is still the command's.
  void end_rest_of_lost() noexcept override {
    if (is_number_free()) return end_rest();
    if (presses())
      (void)::syscall(SYS_pidfd_send_signal, pidfd(), SIGKILL, nullptr, to_process_group);
  }
  // Those that were sent KILL may still be on their way out; who is another user's is not.
  bool wait_for_rest() override {
    if (ending() && ::kill(-pid(), 0) != 0 && errno == EPERM) note_refused();
    return false;
  }

  bool counts_;
};

/// Its session, which is looked up: others than the command get a signal by their own pidfd, which
/// is compared with what was looked for once more.
class session_scope final : public direct_scope {
 public:
  using direct_scope::direct_scope;

 private:
  bool ends_with_command() const noexcept override { return true; }
  signalled signal_others(int number) override { return signal_session(pid(), number); }
};

/// The cgroup that was made for it, which is removed when it is empty.
class cgroup_scope final : public direct_scope {
 public:
  cgroup_scope(kill_scope which, loop& on, child_scope_owner& owner) noexcept
      : direct_scope(which, on, owner),
        emptied_(delegate<int>::to<&cgroup_scope::on_leaf_changed>(this)) {}

 private:
  void take(spawn_result&, cgroup_leaf leaf) noexcept override { leaf_ = std::move(leaf); }
  bool ends_with_command() const noexcept override { return true; }
  signalled signal_others(int number) override { return leaf_.signal(number, pid()); }
  // The number is the command's, whichever process has it.
  void end_rest_of_lost() noexcept override { end_rest(); }

  // Those that were sent KILL take a moment to be gone.
  bool wait_for_rest() override {
    // Without memory to look, it is left to the end of the leaf itself.
    bool removed = true;
    contain([&] { removed = leaf_.remove(); }, [](const std::exception_ptr&) {});
    if (removed) return false;
    emptied_.prepare_poll(leaf_.events(), POLLPRI);
    on().start(emptied_);
    return true;
  }
  void on_leaf_changed(int result) {
    if (state() == scope_state::left) return owner().on_scope_moved();
    if (result < 0) return owner().on_nothing_found();
    if (!wait_for_rest()) rest_gone();
  }
  void look_at_rest_again() override {
    if (state() == scope_state::leaving && !emptied_.active) on().start(emptied_);
  }
  void cancel_rest() noexcept override {
    if (emptied_.active) on().cancel(emptied_);
  }
  bool rest_in_flight() const noexcept override { return emptied_.active; }

  cgroup_leaf leaf_;
  io_request emptied_;
};

/// All that comes from it: a process between it and us has it for its child, ends and counts what
/// comes from it, also when this program is gone.
class subreaper_scope final : public child_scope {
 public:
  subreaper_scope(kill_scope which, loop& on, child_scope_owner& owner) noexcept
      : child_scope(which, on, owner),
        monitor_end_(delegate<int>::to<&subreaper_scope::on_monitor_ended>(this)) {}

  void bind_to_program(child_settings&) override {}
  void outlive() noexcept override {}

 private:
  void take(spawn_result& made, cgroup_leaf) noexcept override {
    monitor_ = std::move(made.monitor);
    monitor_end_.prepare_poll(monitor_->pidfd(), POLLIN);
    on().start(monitor_end_);
  }
  int end_readiness() const noexcept override { return monitor_->reports(); }

  void on_end_ready(int result) override {
    if (running() && monitor_->command_ended()) return take_report();
    // At the end of the stream the monitor was killed, and on_monitor_ended follows.
    if (result < 0 && running()) return owner().on_nothing_found();
    owner().on_scope_moved();
  }
  void take_report() {
    note_usage(monitor_->usage());
    int status = monitor_->status();
    command_gone(WIFEXITED(status) ? exit_status::of_code(WEXITSTATUS(status))
                                   : exit_status::of_signal(WTERMSIG(status)));
  }
  void on_monitor_ended(int result);

  // The monitor kills all it has, and counts them.
  signalled signal_others(int number) override {
    if (number != SIGKILL) return signal_descendants(monitor_->pid(), pid(), number);
    monitor_->end();
    return {};
  }
  bool rest_is_refused() override { return signal_descendants(monitor_->pid(), pid(), 0).refused; }
  bool wait_for_rest() override { return is_watched(); }
  void look_at_rest_again() override {
    if (is_watched() && !monitor_end_.active) on().start(monitor_end_);
  }
  void cancel_rest() noexcept override {
    if (monitor_end_.active) on().cancel(monitor_end_);
  }
  bool rest_in_flight() const noexcept override { return monitor_end_.active; }
  std::optional<unreaped_child> give_back(unique_fd pidfd) noexcept override {
    if (!is_watched()) return std::nullopt;
    return unreaped_child(std::move(pidfd), std::move(monitor_));
  }
  /// It was not reaped.
  bool is_watched() const noexcept { return monitor_ != nullptr && !monitor_gone_; }

  std::unique_ptr<command_monitor> monitor_;
  io_request monitor_end_;
  bool monitor_gone_ = false;
};

// Nothing is left of the scope; or the monitor was killed, and what it held has gone to init.
void subreaper_scope::on_monitor_ended(int) {
  if (state() == scope_state::left) return owner().on_scope_moved();
  if (!monitor_->reap()) return owner().on_nothing_found();
  monitor_gone_ = true;
  note_ended(monitor_->ended_with_it());
  cancel_end();
  if (!running()) return rest_gone();
  if (monitor_->command_ended()) return take_report();
  report().note = "its monitor was killed";
  (void)signal_command(SIGKILL);
  signal_group(SIGKILL);
  command_gone(exit_status());
}

}  // namespace

child_scope::child_scope(kill_scope which, loop& on, child_scope_owner& owner) noexcept
    : loop_(on),
      owner_(owner),
      which_(which),
      end_(delegate<int>::to<&child_scope::on_end>(this)) {}

void child_scope::adopt(spawn_result& made, cgroup_leaf leaf) {
  assert(state_ == scope_state::none && made.pid > 0);
  pid_ = made.pid;
  pidfd_ = std::move(made.pidfd);
  state_ = scope_state::running;
  report_.scope = which_;
  report_.started = certainty::yes;
  take(made, std::move(leaf));
  end_.prepare_poll(end_readiness(), POLLIN);
  loop_.start(end_);
}

void child_scope::signal(int number) noexcept {
  assert(running());
  if (!others_include_command()) (void)signal_command(number);
  signal_rest(number);
}

bool child_scope::signal_command(int number) const noexcept {
  return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
}

// Through the pidfd it stays the group we mean even if other code reaps the child (Linux 6.9); by
// number it does until we do.
void child_scope::signal_group(int number) const noexcept {
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, to_process_group) == 0)
    return;
  if (errno != ESRCH) (void)::kill(-pid_, number);
}

// Without memory to look others up, those that have the command's group.
void child_scope::signal_rest(int number) noexcept {
  contain(
      [&] {
        signalled others = signal_others(number);
        if (number == SIGKILL) refused_ = others.refused;
        if (ending_ || number == SIGKILL) note_ended(others.count);
      },
      [&](const std::exception_ptr&) { signal_group(number); });
}

void child_scope::note_ended(std::size_t others) noexcept {
  report_.ended_with_it = std::max(report_.ended_with_it, others);
}

// A child starts in our memory, and the kernel counts the most that was resident there as its own:
// a peak that is not above ours says nothing.
void child_scope::note_usage(const rusage& used) noexcept {
  rusage ours{};
  (void)::getrusage(RUSAGE_SELF, &ours);
  std::optional<std::uint64_t> peak;
  if (used.ru_maxrss > ours.ru_maxrss) peak = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  report_.usage = resource_usage(time_of(used.ru_utime), time_of(used.ru_stime), peak);
}

void child_scope::on_end(int result) {
  if (state_ == scope_state::left) return owner_.on_scope_moved();
  on_end_ready(result);
}

// Its end is certain, and its output may still be in the pipes.
void child_scope::command_gone(exit_status status) {
  assert(running());
  pidfd_.reset();
  state_ = wait_for_rest() ? scope_state::leaving : scope_state::gone;
  owner_.on_command_gone(status);
}

void child_scope::rest_gone() {
  assert(state_ == scope_state::leaving);
  state_ = scope_state::gone;
  owner_.on_scope_moved();
}

void child_scope::look_again() {
  if (running() && !end_.active) loop_.start(end_);
  look_at_rest_again();
}

void child_scope::give_up() {
  assert(waits());
  contain([this] { note_what_is_left(); }, [](const std::exception_ptr&) {});
  state_ = scope_state::left;
  cancel_end();
  cancel_rest();
}

void child_scope::cancel_end() noexcept {
  if (end_.active) loop_.cancel(end_);
}

void child_scope::note_what_is_left() {
  bool refused = refused_;
  if (running()) {
    if (is_readable(pidfd_.get())) {
      report_.note = "it has ended, but a tracer keeps its status";
      return;
    }
    refused = !signal_command(0) && errno == EPERM;
  } else {
    refused = refused || rest_is_refused();
  }
  report_.leftover = refused ? leftover_cause::not_permitted : leftover_cause::held;
  if (!refused) return;
  report_.why = {EPERM, std::system_category()};
  report_.note = "kill";
}

bool child_scope::over() const noexcept { return !waits() && !end_.active && !rest_in_flight(); }

std::optional<unreaped_child> child_scope::release() noexcept {
  assert(over());
  if (refused_ && report_.leftover == leftover_cause::none)
    report_.leftover = leftover_cause::not_permitted;
  return give_back(std::move(pidfd_));
}

std::unique_ptr<child_scope> make_child_scope(const command& what, loop& on,
                                              child_scope_owner& owner) {
  kill_scope which = what.kill_scope();
  switch (which) {
    case kill_scope::process:
      return std::make_unique<process_scope>(which, on, owner);
    case kill_scope::group:
      // To count them takes a look at all processes: not for a scope that was not asked for.
      return std::make_unique<group_scope>(which, on, owner, what.scope.has_value());
    case kill_scope::session:
      return std::make_unique<session_scope>(which, on, owner);
    case kill_scope::cgroup:
      return std::make_unique<cgroup_scope>(which, on, owner);
    case kill_scope::subreaper:
      break;
  }
  return std::make_unique<subreaper_scope>(which, on, owner);
}

}  // namespace execo::detail
