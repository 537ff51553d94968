// A child with three descriptors: /dev/null or a pipe to its input, a pipe from each output. Its
// end comes through its pidfd; it is reaped here and nowhere else, so its number cannot be reused
// before, and signals to its group are safe until then.
#include "process/local_transport.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <unordered_set>

#include "base/contain.hpp"
#include "base/fd.hpp"
#include "loop/registered_fd.hpp"
#include "process/bulk_pipe.hpp"
#include "process/command_guard.hpp"
#include "process/late_reaper.hpp"
#include "process/process_table.hpp"
#include "process/result_access.hpp"
#include "process/shell_hint.hpp"
#include "process/spawner.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t write_bytes = 64 * 1024;
constexpr unsigned to_process_group = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9

// What the scope of a command that ended by itself may take to be gone: a monitor tries for 10 s.
constexpr auto after_own_end = std::chrono::seconds(11);

std::error_code system_error_code(int error) { return {error, std::system_category()}; }

bool is_readable(int fd) noexcept {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, 0) > 0;
}

// A process that was stopped acts on nothing but KILL until it goes on.
bool waits_for_cont(int number) noexcept {
  return number != SIGKILL && number != SIGCONT && number != SIGSTOP && number != SIGTSTP &&
         number != SIGTTIN && number != SIGTTOU;
}

class local_transport final : public transport {
 public:
  local_transport(loop& on, surroundings::caller then)
      : loop_(on),
        around_(surroundings::now(then)),
        out_(*this, stream::out),
        err_(*this, stream::err),
        write_(delegate<int>::to<&local_transport::on_write_done>(this)),
        exit_(delegate<int>::to<&local_transport::on_exit_ready>(this)),
        monitor_end_(delegate<int>::to<&local_transport::on_monitor_ended>(this)),
        emptied_(delegate<int>::to<&local_transport::on_leaf_changed>(this)),
        look_(delegate<>::to<&local_transport::look_again>(this), "end of a child") {
    step_.self = this;
  }

  void open(const command& what, transport_events& events) override {
    events_ = &events;
    command_ = &what;
    step_.run = [](queue_node& node) noexcept {
      static_cast<step_node&>(node).self->launch_or_fail();
    };
    stepping_ = true;
    loop_.defer(step_);
  }

  bool redirect(int number, const child_stream& to) override {
    auto index = static_cast<std::size_t>(number);
    if (index < streams_.size()) {
      streams_[index] = to;
    } else {
      passed_.emplace_back(number, to);
    }
    return true;
  }

  void write(std::span<const char> bytes) override {
    if (!input_) return;
    write_.prepare_write(input_.get(), bytes.data(), std::min(bytes.size(), write_bytes));
    loop_.start(write_);
  }

  void cancel_write() override {
    if (write_.active) loop_.cancel(write_);
  }

  void close_input() override {
    if (!write_.active) input_.reset();
  }

  void signal(int number) override {
    if (pid_ <= 0 || reaped_) return;
    signal_scope(number);
    if (ending_ && waits_for_cont(number)) signal_scope(SIGCONT);
  }

  void allow_bulk(stream which) override { end_of(which).bulk.allow(); }
  void outlive() override {
    outlives_ = true;
    // One that is being started gives it back when it runs.
    if (pid_ > 0) guard_.give_back();
  }
  void end_scope(duration) override { ending_ = true; }

  void pause(stream which, bool paused) override {
    pipe_end& p = end_of(which);
    p.paused = paused;
    if (!paused) p.read_more();
  }

  void close() override {
    parting_ = parting::waiting;
    // Without memory to look for them, none is named.
    contain([this] { note_what_escaped(); }, [](const std::exception_ptr&) {});
    out_.shut();
    err_.shut();
    if (write_.active) {
      loop_.cancel(write_);
    } else {
      input_.reset();
    }
    if (job_ != nullptr) job_->abandon();
    if (pid_ > 0 && !reaped_) signal_scope(SIGKILL);
    give_up_at_ = loop_.now() + (ending_ || !reaped_ ? after_kill : after_own_end);
    if (killed_at_ != clock::time_point()) give_up_at_ = killed_at_ + after_kill;
    if (!is_gone()) loop_.arm(look_, give_up_at_);
    if (!is_gone() && give_up_at_ <= loop_.now()) give_up();
    settle();
  }

  pid_t pid() const noexcept override { return pid_; }

 private:
  /// Our end of an output pipe.
  struct pipe_end {
    pipe_end(local_transport& o, stream w)
        : owner(o), which(w), read(delegate<int>::to<&pipe_end::on_read>(this)) {}

    void read_more() {
      if (!fd || read.active || paused || owner.closing()) return;
      read.prepare_receive(fd.get());
      owner.loop_.start(read);
    }

    void on_read(int result) {
      if (owner.closing()) {
        fd.reset();
        owner.settle();
        return;
      }
      if (result > 0) {
        bulk.saw(fd.get(), static_cast<std::size_t>(result), owner.loop_.now());
        owner.events_->on_output(which, std::span<const char>(static_cast<const char*>(read.buffer),
                                                              static_cast<std::size_t>(result)));
        read_more();
        return;
      }
      if (result == -EAGAIN || result == -EINTR || result == -ENOMEM) return read_more();
      // A terminal that goes sends HUP to those that are still on their way out.
      if (owner.command_->attributes.pty && !owner.reaped_) owner.terminal_ = fd.release();
      fd.reset();
      owner.events_->on_eof(which);
    }

    void shut() {
      if (read.active) {
        owner.loop_.cancel(read);
      } else {
        fd.reset();
      }
    }

    local_transport& owner;
    stream which;
    io_request read;
    registered_fd fd;
    bulk_pipe bulk;
    bool paused = false;
  };

  pipe_end& end_of(stream which) noexcept { return which == stream::out ? out_ : err_; }

  void launch_or_fail() noexcept {
    stepping_ = false;
    if (closing()) return settle();
    contain([this] { launch(); }, [this](const std::exception_ptr& error) { not_launched(error); });
  }

  void not_launched(const std::exception_ptr& error) noexcept {
    events_->on_failed(end_reason::spawn_failed, error_of(error), {});
  }

  void launch() {
    spawn_plan plan;
    plan.attributes_of = command_;
    plan.what.argv = command_->argv();
    plan.what.around = std::move(around_);
    merge_environment(plan.what);
    plan.what.directory = command_->directory;
    be_guarded(plan.what.settings);
    plan.has_input = command_->has_input;
    plan.streams = std::move(streams_);
    plan.passed = std::move(passed_);
    plan.nonblocking = loop_.wants_nonblocking();
    if (!plan.has_input && (plan.null_input = loop_.null_input()) < 0) plan.null_input = -errno;
    late_reaper::take_over(loop_);
    auto& starter = loop_.service<spawner>();
    if (!starter.is_busy()) return launched(starter.spawn_here(plan));
    job_ = &starter.spawn_elsewhere(std::make_unique<spawn_job>(
        std::move(plan), delegate<spawn_job&>::to<&local_transport::on_spawned>(this)));
  }

  bool closing() const noexcept { return parting_ != parting::none; }

  // A monitor ends its command itself.
  void be_guarded(child_settings& settings) {
    kill_scope scope = command_->kill_scope();
    if (outlives_ || scope == kill_scope::subreaper) return;
    guard_.take(loop_);
    settings.guard = guard_.slot();
    settings.reach = guarded_by(scope);
    settings.dies_with_its_starter = settings.guard == nullptr;
  }

  // What a signal reaches. Sessions and cgroups are looked up: others than the command by their own
  // pidfd, which is compared with what was looked for once more.
  void signal_scope(int number) noexcept {
    if (number == SIGKILL && killed_at_ == clock::time_point()) killed_at_ = loop_.now();
    if (command_->kill_scope() != kill_scope::group || has_left_group())
      (void)signal_itself(number);
    signal_others(number);
  }

  // A signal to the group that it made does not reach it then.
  bool has_left_group() const noexcept {
    pid_t group = ::getpgid(pid_);
    return group > 0 && group != pid_;
  }

  bool signal_itself(int number) const noexcept {
    return ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) == 0;
  }

  // Without memory to look others up, those that have the command's group.
  void signal_others(int number) noexcept {
    contain([&] { look_up_and_signal(number); },
            [&](const std::exception_ptr&) { signal_group(number); });
  }

  void look_up_and_signal(int number) {
    kill_scope scope = command_->kill_scope();
    signalled others;
    if (scope == kill_scope::session) others = signal_session(pid_, number);
    if (scope == kill_scope::cgroup) others = leaf_.signal(number, pid_);
    if (scope == kill_scope::subreaper && monitor_) others = signal_monitored(number);
    if (scope == kill_scope::group) {
      if (command_->scope) others.count = count_group();
      signal_group(number);
    }
    if (number == SIGKILL) refused_ = others.refused;
    if (ending_ || number == SIGKILL)
      report_.ended_with_it = std::max(report_.ended_with_it, others.count);
  }

  // The monitor kills all it has, and counts them.
  signalled signal_monitored(int number) {
    if (number != SIGKILL) return signal_descendants(monitor_->pid(), pid_, number);
    monitor_->end();
    return signalled();
  }

  std::size_t count_group() const {
    auto others = living_processes(
        [this](const process_entry& entry) { return entry.group == pid_ && entry.pid != pid_; });
    return others.size();
  }

  // Before the command is reaped: until then its zombie keeps the numbers of its group and session
  // from being reused.
  void end_what_is_left() noexcept {
    kill_scope scope = command_->kill_scope();
    bool always = scope == kill_scope::session || scope == kill_scope::cgroup;
    if (always || ending_ || closing()) signal_others(SIGKILL);
  }

  // SIGCHLD is ignored, say. A cgroup, and a group through the pidfd, are still the command's.
  void end_what_somebody_left() noexcept {
    if (command_->kill_scope() == kill_scope::cgroup || is_number_free()) return end_what_is_left();
    if (command_->kill_scope() == kill_scope::group && (ending_ || closing()))
      (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, to_process_group);
  }

  // The group is ours alone: the child made it. Through the pidfd it stays the one we mean even if
  // other code reaps the child (Linux 6.9); by number it does until we do.
  void signal_group(int number) noexcept {
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, to_process_group) == 0)
      return;
    if (errno != ESRCH) (void)::kill(-pid_, number);
  }

  // Other code reaped the command, so its number may be another's by now. It is not while no
  // process has it: what has it for its group or session is the command's.
  bool is_number_free() const noexcept { return ::kill(pid_, 0) != 0 && errno == ESRCH; }

  void on_spawned(spawn_job& job) {
    job_ = nullptr;
    if (!closing())
      return contain([&] { launched(std::move(job.child)); },
                     [this](const std::exception_ptr& error) { not_launched(error); });
    // Given up meanwhile: there are no more events, but a child has to be ended and reaped.
    if (job.child.made.error == 0) {
      leaf_ = std::move(job.child.leaf);
      adopt(job.child.made);
      signal_scope(SIGKILL);
      give_up_at_ = killed_at_ + after_kill;
      loop_.arm(look_, give_up_at_);
    }
    settle();
  }

  void adopt(spawn_result& made) {
    pid_ = made.pid;
    pidfd_ = std::move(made.pidfd);
    monitor_ = std::move(made.monitor);
    exit_.prepare_poll(monitor_ ? monitor_->reports() : pidfd_.get(), POLLIN);
    loop_.start(exit_);
    if (!monitor_) return;
    monitor_end_.prepare_poll(monitor_->pidfd(), POLLIN);
    loop_.start(monitor_end_);
  }

  void launched(started_child child) {
    spawn_result& made = child.made;
    if (outlives_ || made.error != 0) guard_.give_back();
    if (made.error != 0) {
      std::string context = std::string(made.step) + (made.object.empty() ? "" : " ") + made.object;
      if (context.starts_with("execve")) context += shell_hint(*command_);
      auto how = made.unsupported ? end_reason::unsupported : end_reason::spawn_failed;
      return events_->on_failed(how, system_error_code(made.error), context);
    }
    leaf_ = std::move(child.leaf);
    input_ = end_here(std::move(child.input));
    out_.fd = end_here(std::move(child.output));
    err_.fd = end_here(std::move(child.error));
    adopt(made);
    out_.read_more();
    err_.read_more();
    events_->on_phase(phase::run);
    // What goes past us ends with the command. A terminal has but one output.
    for (pipe_end* end : {&out_, &err_})
      if (!end->fd && !closing()) events_->on_eof(end->which);
  }

  registered_fd end_here(unique_fd fd) noexcept {
    if (command_->attributes.pty) return registered_fd(std::move(fd));
    return registered_fd(std::move(fd), loop_);
  }

  void merge_environment(spawn_request& what) const {
    const spawn_attributes& wanted = command_->attributes;
    bool as_ours = command_->environment.empty() && wanted.removed_variables.empty();
    if (as_ours && !wanted.clear_environment) return;
    what.inherit_environment = false;
    std::unordered_set<std::string_view> replaced(wanted.removed_variables.begin(),
                                                  wanted.removed_variables.end());
    for (const auto& [name, value] : command_->environment) replaced.insert(name);
    if (!wanted.clear_environment) {
      for (char* const* v = what.around->variables(); *v != nullptr; ++v) {
        std::string_view variable = *v;
        std::string_view name = variable.substr(0, variable.find('='));
        if (!replaced.contains(name)) what.environment.emplace_back(variable);
      }
    }
    for (const auto& [name, value] : command_->variables())
      what.environment.push_back(std::string(name) + "=" + std::string(value));
  }

  void on_write_done(int result) {
    bool untaken = result == -EAGAIN || result == -EINTR;
    if (closing()) {
      input_.reset();
      settle();
    } else if (result > 0) {
      events_->on_written(static_cast<std::size_t>(result));
    } else if (untaken || result == -ECANCELED) {
      events_->on_written(0);
    } else {
      // EPIPE: the command does not read on; that is its right.
      input_.reset();
      events_->on_input_closed();
    }
  }

  void on_exit_ready(int ready) {
    if (parting_ == parting::given_up) return settle();
    if (monitor_) return on_monitor_report(ready);
    siginfo_t info{};
    auto pidfd = static_cast<id_t>(pidfd_.get());
    if (ending_ || closing() || command_->scope) {
      bool known = ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
      bool lost = !known && errno == ECHILD;
      if (known && info.si_pid != 0) end_what_is_left();
      if (lost) end_what_somebody_left();
    }
    info.si_pid = 0;
    guard_.forget();
    // The C library's waitid() leaves out the last argument.
    rusage used{};
    long r = ::syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG, &used);
    bool lost = r != 0 && errno == ECHILD;
    // A tracer has the zombie: its end is not for us to see yet, and its pidfd stays readable.
    if (!lost && (r != 0 || info.si_pid == 0)) {
      guard_.remember();
      return look_later();
    }
    if (lost) return command_gone(exit_status());
    note_usage(used);
    bool by_code = info.si_code == CLD_EXITED;
    command_gone(by_code ? exit_status::of_code(info.si_status)
                         : exit_status::of_signal(info.si_status));
  }

  void look_later() {
    auto when = loop_.now() + fruitless_pause;
    loop_.arm(look_, closing() ? std::min(when, give_up_at_) : when);
  }

  void look_again() {
    if (closing() && loop_.now() >= give_up_at_) {
      give_up();
      return settle();
    }
    if (closing()) loop_.arm(look_, give_up_at_);
    bool watched = monitor_ && !monitor_gone_;
    if (!reaped_ && !exit_.active && (!monitor_ || watched)) loop_.start(exit_);
    if (watched && !monitor_end_.active) loop_.start(monitor_end_);
    if (emptied_.kind != io_kind::none && leaf_.made() && !emptied_.active) loop_.start(emptied_);
  }

  // Nothing that is left is waited for any more.
  void give_up() {
    contain([this] { note_what_is_left(); }, [](const std::exception_ptr&) {});
    parting_ = parting::given_up;
    loop_.disarm(look_);
    for (io_request* one : {&exit_, &monitor_end_, &emptied_})
      if (one->active) loop_.cancel(*one);
  }

  void note_what_is_left() {
    bool refused = refused_;
    if (!reaped_) {
      bool ended = is_readable(pidfd_.get());
      refused = !ended && !signal_itself(0) && errno == EPERM;
      if (ended) {
        report_.note = "it has ended, but a tracer keeps its status";
        return;
      }
    } else if (monitor_ && !monitor_gone_) {
      refused = signal_descendants(monitor_->pid(), pid_, 0).refused;
    }
    report_.leftover = refused ? leftover_cause::not_permitted : leftover_cause::held;
    if (!refused) return;
    report_.why = system_error_code(EPERM);
    report_.note = "kill";
  }

  void note_what_escaped();
  void note_usage(const rusage& used) noexcept;

  // Its end is certain, and its output may still be in the pipes.
  void command_gone(exit_status status) {
    reaped_ = true;
    guard_.give_back();
    // Those that were sent KILL may still be on their way out; who is another user's is not.
    bool of_group = ending_ && command_->kill_scope() == kill_scope::group;
    if (of_group && ::kill(-pid_, 0) != 0 && errno == EPERM) refused_ = true;
    loop_.disarm(look_);
    if (closing()) loop_.arm(look_, give_up_at_);
    pidfd_.reset();
    terminal_.reset();
    remove_leaf();
    if (closing()) return settle();
    events_->on_exit(status);
  }

  void on_monitor_report(int result) {
    if (!reaped_ && monitor_->command_ended()) return notify_report();
    if (closing()) return settle();
    // At the end of the stream the monitor was killed, which on_monitor_ended hears.
    if (result < 0 && !reaped_ && !monitor_gone_) look_later();
  }

  void notify_report() {
    note_usage(monitor_->usage());
    int status = monitor_->status();
    command_gone(WIFEXITED(status) ? exit_status::of_code(WEXITSTATUS(status))
                                   : exit_status::of_signal(WTERMSIG(status)));
  }

  // Nothing is left of the scope; or the monitor was killed, and what it held has gone to init.
  void on_monitor_ended(int) {
    if (parting_ == parting::given_up) return settle();
    if (!monitor_->reap()) return look_later();
    if (!reaped_ && monitor_->command_ended()) notify_report();
    report_.ended_with_it = std::max(report_.ended_with_it, monitor_->ended_with_it());
    if (exit_.active) loop_.cancel(exit_);
    monitor_gone_ = true;
    if (!reaped_) {
      report_.note = "its monitor was killed";
      (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
      signal_group(SIGKILL);
      return command_gone(exit_status());
    }
    if (closing()) settle();
  }

  // Those that were sent KILL take a moment to be gone.
  void remove_leaf() {
    // Without memory to look, it is left to the end of the leaf itself.
    bool gone = true;
    contain([&] { gone = leaf_.remove(); }, [](const std::exception_ptr&) {});
    if (gone) return;
    emptied_.prepare_poll(leaf_.events(), POLLPRI);
    loop_.start(emptied_);
  }

  void on_leaf_changed(int result) {
    if (parting_ == parting::given_up) return settle();
    if (result < 0) return look_later();
    remove_leaf();
    if (closing()) settle();
  }

  // The command, and what of its scope is waited for.
  bool is_gone() const noexcept {
    bool watched = monitor_ && (!monitor_gone_ || exit_.active);
    return (pid_ <= 0 || reaped_) && !emptied_.active && !watched;
  }

  void settle() {
    bool let_go =
        parting_ == parting::given_up && !exit_.active && !monitor_end_.active && !emptied_.active;
    if (parting_ == parting::over || stepping_ || job_ != nullptr || !(is_gone() || let_go) ||
        out_.read.active || err_.read.active || write_.active)
      return;
    bool unreaped = pid_ > 0 && (monitor_ ? !monitor_gone_ : !reaped_);
    if (unreaped)
      loop_.service<late_reaper>().take(unreaped_child(std::move(pidfd_), std::move(monitor_)));
    parting_ = parting::over;
    // The handle of a run may outlive the loop, and so this object.
    guard_.give_back();
    loop_.disarm(look_);
    if (pid_ > 0) report_.scope = command_->kill_scope();
    if (pid_ > 0) report_.started = certainty::yes;
    if (refused_ && report_.leftover == leftover_cause::none)
      report_.leftover = leftover_cause::not_permitted;
    events_->on_closed(std::move(report_));
  }

  // none: not closed yet. waiting: for the end of what was killed. given_up: no longer.
  enum class parting : std::uint8_t { none, waiting, given_up, over };

  struct step_node : queue_node {
    local_transport* self = nullptr;
  };

  loop& loop_;
  transport_events* events_ = nullptr;
  const command* command_ = nullptr;
  std::shared_ptr<const surroundings> around_;  // until the child is being started
  // Until the child is being started.
  std::array<child_stream, 3> streams_;
  std::vector<std::pair<int, child_stream>> passed_;
  pipe_end out_;
  pipe_end err_;
  registered_fd input_;
  unique_fd pidfd_;
  unique_fd terminal_;  // read to its end
  io_request write_;
  io_request exit_;
  io_request monitor_end_;
  io_request emptied_;   // of the leaf
  deadline_timer look_;  // once more for an end, or no longer
  clock::time_point killed_at_{};
  clock::time_point give_up_at_{};
  std::unique_ptr<command_monitor> monitor_;
  cgroup_leaf leaf_;
  guarded_command guard_;
  end_report report_;
  step_node step_;
  spawn_job* job_ = nullptr;  // while a helper thread starts the child
  pid_t pid_ = -1;
  bool stepping_ = false;
  bool outlives_ = false;  // this program
  bool ending_ = false;
  bool refused_ = false;  // KILL, by a process of its scope that is another user's
  parting parting_ = parting::none;
  bool reaped_ = false;
  bool monitor_gone_ = false;
};

// What a descriptor is, as /proc/PID/fd shows it to its holders.
void add_link(std::vector<std::string>& links, const registered_fd& fd, bool terminal) {
  if (!fd) return;
  char name[64];
  struct stat status;
  if (terminal) {
    if (::ptsname_r(fd.get(), name, sizeof name) == 0) links.emplace_back(name);
  } else if (::fstat(fd.get(), &status) == 0) {
    links.push_back("pipe:[" + std::to_string(status.st_ino) + "]");
  }
}

std::chrono::microseconds time_of(const timeval& t) {
  return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
}

// A child starts in our memory, and the kernel counts the most that was resident there as its own:
// a peak that is not above ours says nothing.
void local_transport::note_usage(const rusage& used) noexcept {
  rusage ours{};
  (void)::getrusage(RUSAGE_SELF, &ours);
  std::optional<std::uint64_t> peak;
  if (used.ru_maxrss > ours.ru_maxrss) peak = static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
  report_.usage = resource_usage(time_of(used.ru_utime), time_of(used.ru_stime), peak);
}

// Who holds the output of a command that has ended.
void local_transport::note_what_escaped() {
  if (pid_ <= 0 || !command_->scope || !reaped_) return;
  std::vector<std::string> links;
  bool terminal = command_->attributes.pty;
  add_link(links, out_.fd, terminal);
  add_link(links, err_.fd, terminal);
  report_.escaped = holders_of(links);
}

}  // namespace

std::unique_ptr<transport> make_local_transport(loop& on, surroundings::caller then) {
  return std::make_unique<local_transport>(on, then);
}

}  // namespace execo::detail
