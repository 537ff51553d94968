// A child with three descriptors: /dev/null or a pipe to its input, a pipe from each output. Its
// end, and that of what it started, comes from its scope.
#include "process/local_transport.hpp"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
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
#include "process/child_scope.hpp"
#include "process/give_up_timer.hpp"
#include "process/late_reaper.hpp"
#include "process/process_table.hpp"
#include "process/shell_hint.hpp"
#include "process/spawner.hpp"

namespace execo::detail {
namespace {

constexpr std::size_t write_bytes = 64 * 1024;
std::error_code system_error_code(int error) { return {error, std::system_category()}; }

// A process that was stopped acts on nothing but KILL until it goes on.
bool waits_for_cont(int number) noexcept {
  return number != SIGKILL && number != SIGCONT && number != SIGSTOP && number != SIGTSTP &&
         number != SIGTTIN && number != SIGTTOU;
}

void merge_environment(const command& of, spawn_request& what) {
  const spawn_attributes& wanted = of.attributes;
  bool as_ours = of.environment.empty() && wanted.removed_variables.empty();
  if (as_ours && !wanted.clear_environment) return;
  what.inherit_environment = false;
  std::unordered_set<std::string_view> replaced(wanted.removed_variables.begin(),
                                                wanted.removed_variables.end());
  for (const auto& [name, value] : of.environment) replaced.insert(name);
  if (!wanted.clear_environment) {
    for (char* const* v = what.around->variables(); *v != nullptr; ++v) {
      std::string_view variable = *v;
      std::string_view name = variable.substr(0, variable.find('='));
      if (!replaced.contains(name)) what.environment.emplace_back(variable);
    }
  }
  for (const auto& [name, value] : of.variables())
    what.environment.push_back(std::string(name) + "=" + std::string(value));
}

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

//   stage      meaning                                             leaves by
//   idle       not opened                                          open(): asked
//   asked      the child is to be started in this turn of the      its step: starting, or started
//              loop
//   starting   a helper thread starts it                           the thread: started
//   started    there is a child, of which its scope says more,     close(), once no request is in
//              or there will be none                               flight: over
//   over       on_closed was sent                                  -
enum class stage : std::uint8_t { idle, asked, starting, started, over };

class local_transport final : public transport, private child_scope_owner {
 public:
  local_transport(loop& on, std::shared_ptr<const surroundings> around)
      : loop_(on),
        out_(*this, stream::out),
        err_(*this, stream::err),
        input_(*this),
        waiting_(on, delegate<>::to<&local_transport::look_again>(this)),
        step_(delegate<>::to<&local_transport::launch_or_fail>(this)) {
    setup_.around = std::move(around);
  }

  void open(const command& what, transport_events& events) override {
    events_ = &events;
    command_ = &what;
    stage_ = stage::asked;
    loop_.defer(step_);
  }

  bool redirect(int number, const child_stream& to) override {
    auto index = static_cast<std::size_t>(number);
    if (index < setup_.streams.size()) {
      setup_.streams[index] = to;
    } else {
      setup_.passed.emplace_back(number, to);
    }
    return true;
  }

  void write(std::span<const char> bytes) override { input_.write(bytes); }
  void cancel_write() override { input_.cancel(); }
  void close_input() override { input_.close(); }

  void signal(int number) override {
    if (!has_command()) return;
    signal_scope(number);
    if (scope_->ending() && waits_for_cont(number)) signal_scope(SIGCONT);
  }

  void allow_bulk(stream which) override { end_of(which).bulk.allow(); }
  void outlive() override {
    outlives_ = true;
    // One that is being started may when it runs.
    if (has_command()) scope_->outlive();
  }
  void end_scope(duration) override {
    if (scope_) scope_->end();
  }

  void pause(stream which, bool paused) override {
    pipe_end& p = end_of(which);
    p.paused = paused;
    if (!paused) p.read_more();
  }

  void close() override {
    closing_ = true;
    // Without memory to look for them, none is named.
    contain([this] { note_what_escaped(); }, [](const std::exception_ptr&) {});
    out_.shut();
    err_.shut();
    input_.shut();
    if (job_ != nullptr) job_->abandon();
    if (scope_) close_scope();
    finish_close();
  }

  pid_t pid() const noexcept override { return scope_ ? scope_->pid() : -1; }

 private:
  /// Our end of an output pipe.
  struct pipe_end {
    pipe_end(local_transport& o, stream w)
        : owner(o), which(w), read(delegate<int>::to<&pipe_end::on_read>(this)) {}

    void read_more() {
      if (!fd || read.active || paused || owner.closing_) return;
      read.prepare_receive(fd.get());
      owner.loop_.start(read);
    }

    void on_read(int result) {
      if (owner.closing_) {
        fd.reset();
        owner.finish_close();
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
      if (owner.command_->attributes.pty && owner.has_command()) terminal = fd.release();
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
    unique_fd terminal;  // read to its end, until the command has ended
    bulk_pipe bulk;
    bool paused = false;
  };

  /// Our end of the pipe to its input.
  struct input_end {
    explicit input_end(local_transport& o)
        : owner(o), request(delegate<int>::to<&input_end::on_done>(this)) {}

    void write(std::span<const char> bytes) {
      if (!fd) return;
      request.prepare_write(fd.get(), bytes.data(), std::min(bytes.size(), write_bytes));
      owner.loop_.start(request);
    }
    void cancel() {
      if (request.active) owner.loop_.cancel(request);
    }
    void close() {
      if (!request.active) fd.reset();
    }
    void shut() {
      cancel();
      close();
    }

    void on_done(int result) {
      bool untaken = result == -EAGAIN || result == -EINTR;
      if (owner.closing_) {
        fd.reset();
        owner.finish_close();
      } else if (result > 0) {
        owner.events_->on_written(static_cast<std::size_t>(result));
      } else if (untaken || result == -ECANCELED) {
        owner.events_->on_written(0);
      } else {
        // EPIPE: the command does not read on; that is its right.
        fd.reset();
        owner.events_->on_input_closed();
      }
    }

    local_transport& owner;
    io_request request;
    registered_fd fd;
  };

  /// What the child is started with, until it is being started.
  struct child_setup {
    std::shared_ptr<const surroundings> around;
    std::array<child_stream, 3> streams;
    std::vector<std::pair<int, child_stream>> passed;
  };

  pipe_end& end_of(stream which) noexcept { return which == stream::out ? out_ : err_; }
  /// It is started and not reaped.
  bool has_command() const noexcept { return scope_ && scope_->running(); }

  // -- the start ----------------------------------------------------------------------------------
  void launch_or_fail() noexcept {
    stage_ = stage::started;
    if (closing_) return finish_close();
    contain([this] { launch(); }, [this](const std::exception_ptr& error) { not_launched(error); });
  }

  void not_launched(const std::exception_ptr& error) noexcept {
    events_->on_failed(failure(end_reason::spawn_failed, error_of(error), {}));
  }

  void launch() {
    scope_ = make_child_scope(*command_, loop_, *this);
    spawn_plan plan;
    plan.attributes_of = command_;
    plan.what.argv = command_->argv();
    plan.what.around = std::move(setup_.around);
    merge_environment(*command_, plan.what);
    plan.what.directory = command_->directory;
    if (!outlives_) scope_->bind_to_program(plan.what.settings);
    plan.has_input = command_->has_input;
    plan.streams = std::move(setup_.streams);
    plan.passed = std::move(setup_.passed);
    plan.nonblocking = loop_.wants_nonblocking();
    if (!plan.has_input && (plan.null_input = loop_.null_input()) < 0) plan.null_input = -errno;
    late_reaper::take_over(loop_);
    auto& starter = loop_.service<spawner>();
    if (!starter.is_busy()) return launched(starter.spawn_here(plan));
    job_ = &starter.spawn_elsewhere(std::make_unique<spawn_job>(
        std::move(plan), delegate<spawn_job&>::to<&local_transport::on_spawned>(this)));
    stage_ = stage::starting;
  }

  void on_spawned(spawn_job& job) {
    job_ = nullptr;
    stage_ = stage::started;
    if (!closing_)
      return contain([&] { launched(std::move(job.child)); },
                     [this](const std::exception_ptr& error) { not_launched(error); });
    // Given up meanwhile: there are no more events, but a child has to be ended and reaped.
    if (job.child.made.error == 0) {
      scope_->adopt(job.child.made, std::move(job.child.leaf));
      close_scope();
    }
    finish_close();
  }

  void launched(started_child child) {
    spawn_result& made = child.made;
    if (outlives_ || made.error != 0) scope_->outlive();
    if (made.error != 0) {
      std::string context = std::string(made.step) + (made.object.empty() ? "" : " ") + made.object;
      if (context.starts_with("execve")) context += shell_hint(*command_);
      auto how = made.unsupported ? end_reason::unsupported : end_reason::spawn_failed;
      return events_->on_failed(failure(how, system_error_code(made.error), std::move(context)));
    }
    input_.fd = end_here(std::move(child.input));
    out_.fd = end_here(std::move(child.output));
    err_.fd = end_here(std::move(child.error));
    scope_->adopt(made, std::move(child.leaf));
    out_.read_more();
    err_.read_more();
    events_->on_phase(phase::run);
    // What goes past us ends with the command. A terminal has but one output.
    for (pipe_end* end : {&out_, &err_})
      if (!end->fd && !closing_) events_->on_eof(end->which);
  }

  registered_fd end_here(unique_fd fd) noexcept {
    if (command_->attributes.pty) return registered_fd(std::move(fd));
    return registered_fd(std::move(fd), loop_);
  }

  // -- the end ------------------------------------------------------------------------------------
  void signal_scope(int number) noexcept {
    if (number == SIGKILL) waiting_.note_kill();
    scope_->signal(number);
  }

  void on_command_gone(exit_status status) override {
    waiting_.wait();
    for (pipe_end* end : {&out_, &err_}) end->terminal.reset();
    if (closing_) return finish_close();
    events_->on_exit(status);
  }
  void on_nothing_found() override { waiting_.look_soon(); }
  void on_scope_moved() override {
    if (closing_) finish_close();
  }

  void look_again() {
    if (waiting_.has_passed()) {
      give_up();
      return finish_close();
    }
    waiting_.wait();
    scope_->look_again();
  }

  void close_scope() {
    scope_->close();
    bool is_killed = has_command();
    if (is_killed) signal_scope(SIGKILL);
    if (scope_->over()) return;
    waiting_.begin(is_killed || scope_->ending() ? clock::duration(after_kill)
                                                 : give_up_timer::after_own_end);
    if (waiting_.has_passed()) give_up();
  }

  // Reads and writes may be all that is still in flight.
  void give_up() {
    if (scope_->waits()) scope_->give_up();
  }

  // Who holds the output of a command that has ended.
  void note_what_escaped() {
    bool started = scope_ && scope_->state() != scope_state::none;
    if (!started || !command_->scope || has_command()) return;
    std::vector<std::string> links;
    bool terminal = command_->attributes.pty;
    add_link(links, out_.fd, terminal);
    add_link(links, err_.fd, terminal);
    scope_->report().escaped = holders_of(links);
  }

  void finish_close() {
    bool busy = out_.read.active || err_.read.active || input_.request.active;
    if (stage_ != stage::started || busy || (scope_ && !scope_->over())) return;
    stage_ = stage::over;
    waiting_.disarm();
    if (!scope_) {
      end_report found;
      found.transport = transport_kind::local;
      return events_->on_closed(std::move(found));
    }
    scope_->report().transport = transport_kind::local;
    if (auto unreaped = scope_->release()) loop_.service<late_reaper>().take(std::move(*unreaped));
    events_->on_closed(std::move(scope_->report()));
  }

  loop& loop_;
  transport_events* events_ = nullptr;
  const command* command_ = nullptr;
  child_setup setup_;
  pipe_end out_;
  pipe_end err_;
  input_end input_;
  std::unique_ptr<child_scope> scope_;  // from the start on
  give_up_timer waiting_;               // for the end of the scope
  queue_node step_;
  spawn_job* job_ = nullptr;  // while a helper thread starts the child
  stage stage_ = stage::idle;
  bool outlives_ = false;  // this program
  bool closing_ = false;
};

}  // namespace

std::unique_ptr<transport> make_local_transport(loop& on, surroundings::caller then) {
  return make_local_transport(on, surroundings::now(then));
}

std::unique_ptr<transport> make_local_transport(loop& on,
                                                std::shared_ptr<const surroundings> around) {
  return std::make_unique<local_transport>(on, std::move(around));
}

}  // namespace execo::detail
