// A child with three descriptors: /dev/null or a pipe to its input, a pipe from each output. Its
// end comes through its pidfd; it is reaped here and nowhere else, so its number cannot be reused
// before, and signals to its group are safe until then.
#include "process/local_transport.hpp"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/fd.hpp"
#include "process/bulk_pipe.hpp"
#include "process/spawner.hpp"

extern char** environ;

namespace execo::detail {
namespace {

constexpr std::size_t write_bytes = 64 * 1024;

std::error_code system_error_code(int error) { return {error, std::system_category()}; }

class local_transport final : public transport {
 public:
  explicit local_transport(loop& on)
      : loop_(on),
        out_(*this, stream::out),
        err_(*this, stream::err),
        write_(callback<int>::to<&local_transport::on_write_done>(this)),
        exit_(callback<int>::to<&local_transport::on_exit_ready>(this)) {
    step_.self = this;
  }

  void open(const command& what, transport_events& events) override {
    events_ = &events;
    command_ = &what;
    step_.run = [](queue_node& node) noexcept { static_cast<step_node&>(node).self->launch(); };
    stepping_ = true;
    loop_.defer(step_);
  }

  bool redirect(int number, const child_stream& to) override {
    streams_[static_cast<std::size_t>(number)] = to;
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
    if (number == SIGTERM || number == SIGINT || number == SIGKILL) ending_ = true;
    signal_group(number);
  }

  void allow_bulk(stream which) override { end_of(which).bulk.allow(); }

  void pause(stream which, bool paused) override {
    pipe_end& p = end_of(which);
    p.paused = paused;
    if (!paused) p.read_more();
  }

  void close() override {
    closing_ = true;
    out_.shut();
    err_.shut();
    if (write_.active) {
      loop_.cancel(write_);
    } else {
      input_.reset();
    }
    if (job_ != nullptr) job_->abandon();
    if (pid_ > 0 && !reaped_) signal_group(SIGKILL);
    settle();
  }

  pid_t pid() const noexcept override { return pid_; }

 private:
  /// Our end of an output pipe.
  struct pipe_end {
    pipe_end(local_transport& o, stream w)
        : owner(o), which(w), read(callback<int>::to<&pipe_end::on_read>(this)) {}

    void read_more() {
      if (!fd || read.active || paused || owner.closing_) return;
      read.prepare_receive(fd.get());
      owner.loop_.start(read);
    }

    void on_read(int result) {
      if (owner.closing_) {
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
      if (result == -EAGAIN || result == -EINTR) return read_more();
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
    unique_fd fd;
    bulk_pipe bulk;
    bool paused = false;
  };

  pipe_end& end_of(stream which) noexcept { return which == stream::out ? out_ : err_; }

  void launch() {
    stepping_ = false;
    if (closing_) return settle();
    spawn_plan plan;
    plan.what.argv = command_->argv();
    if (!command_->environment.empty()) merge_environment(plan.what);
    plan.what.directory = command_->directory;
    plan.has_input = command_->has_input;
    plan.streams = streams_;
    plan.nonblocking = loop_.wants_nonblocking();
    if (!plan.has_input && (plan.null_input = loop_.null_input()) < 0) plan.null_input = -errno;
    auto& starter = loop_.service<spawner>();
    if (!starter.is_busy()) return launched(starter.spawn_here(plan));
    job_ = &starter.spawn_elsewhere(std::make_unique<spawn_job>(
        std::move(plan), callback<spawn_job&>::to<&local_transport::on_spawned>(this)));
  }

  // The group is ours alone: the child made it. Through the pidfd it stays the one we mean even if
  // somebody else reaps the child (Linux 6.9); by number it does until we do.
  void signal_group(int number) noexcept {
    constexpr unsigned to_process_group = 1U << 2;  // PIDFD_SIGNAL_PROCESS_GROUP
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, to_process_group) == 0)
      return;
    if (errno != ESRCH) (void)::kill(-pid_, number);
  }

  void on_spawned(spawn_job& job) {
    job_ = nullptr;
    if (!closing_) return launched(std::move(job.child));
    // Given up meanwhile: nothing is told any more, but a child has to be ended and reaped.
    if (job.child.made.error == 0) {
      adopt(job.child.made);
      signal_group(SIGKILL);
    }
    settle();
  }

  void adopt(spawn_result& made) {
    pid_ = made.pid;
    pidfd_ = std::move(made.pidfd);
    exit_.prepare_poll(pidfd_.get(), POLLIN);
    loop_.start(exit_);
  }

  void launched(started_child child) {
    spawn_result& made = child.made;
    if (made.error != 0) {
      std::string context = std::string(made.step) + (made.object.empty() ? "" : " ") + made.object;
      return events_->on_failed(end_reason::spawn_failed, system_error_code(made.error), context);
    }
    input_ = std::move(child.input);
    out_.fd = std::move(child.output);
    err_.fd = std::move(child.error);
    adopt(made);
    out_.read_more();
    err_.read_more();
    events_->on_phase(phase::run);
    // What goes past us ends with the command.
    for (pipe_end* end : {&out_, &err_})
      if (streams_[end == &out_ ? 1 : 2].what != child_stream::kind::pipe && !closing_)
        events_->on_eof(end->which);
  }

  void merge_environment(spawn_request& what) const {
    what.inherit_environment = false;
    for (char** v = environ; v != nullptr && *v != nullptr; ++v) {
      std::string_view variable = *v;
      std::string_view name = variable.substr(0, variable.find('='));
      bool replaced = false;
      for (const auto& [added, value] : command_->environment) replaced |= added == name;
      if (!replaced) what.environment.emplace_back(variable);
    }
    for (std::size_t i = 0; i < command_->environment.size(); ++i) {
      const auto& [name, value] = command_->environment[i];
      bool again = false;
      for (std::size_t k = i + 1; k < command_->environment.size(); ++k)
        again |= command_->environment[k].first == name;
      if (!again) what.environment.push_back(name + "=" + value);
    }
  }

  void on_write_done(int result) {
    if (closing_) {
      input_.reset();
      settle();
    } else if (result > 0) {
      events_->on_written(static_cast<std::size_t>(result));
    } else if (result == -EAGAIN || result == -EINTR || result == -ECANCELED) {
      events_->on_written(0);
    } else {
      // EPIPE: the command does not read on; that is its right.
      input_.reset();
      events_->on_input_closed();
    }
  }

  void on_exit_ready(int) {
    siginfo_t info{};
    auto pidfd = static_cast<id_t>(pidfd_.get());
    if (ending_ || closing_) {
      // What the command left in its group goes with it, since we were ending it. Only before it is
      // reaped: until then its zombie keeps the group's number from being reused.
      if (::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0)
        signal_group(SIGKILL);
      info.si_pid = 0;
    }
    int r = ::waitid(P_PIDFD, pidfd, &info, WEXITED | WNOHANG);
    bool lost = r != 0 && errno == ECHILD;
    if (!lost && (r != 0 || info.si_pid == 0)) {
      loop_.start(exit_);
      return;
    }
    reaped_ = true;
    pidfd_.reset();
    if (closing_) return settle();
    // Its end is certain, and its output may still be in the pipes.
    if (lost) return events_->on_exit(exit_status());
    bool by_code = info.si_code == CLD_EXITED;
    events_->on_exit(by_code ? exit_status::of_code(info.si_status)
                             : exit_status::of_signal(info.si_status));
  }

  void settle() {
    bool child_gone = pid_ <= 0 || reaped_;
    if (closed_ || stepping_ || job_ != nullptr || !child_gone || out_.read.active ||
        err_.read.active || write_.active)
      return;
    closed_ = true;
    events_->on_closed();
  }

  struct step_node : queue_node {
    local_transport* self = nullptr;
  };

  loop& loop_;
  transport_events* events_ = nullptr;
  const command* command_ = nullptr;
  std::array<child_stream, 3> streams_;
  pipe_end out_;
  pipe_end err_;
  unique_fd input_;
  unique_fd pidfd_;
  io_request write_;
  io_request exit_;
  step_node step_;
  spawn_job* job_ = nullptr;  // while a helper thread starts the child
  pid_t pid_ = -1;
  bool stepping_ = false;
  bool ending_ = false;
  bool closing_ = false;
  bool closed_ = false;
  bool reaped_ = false;
};

}  // namespace

std::unique_ptr<transport> make_local_transport(loop& on) {
  return std::make_unique<local_transport>(on);
}

}  // namespace execo::detail
