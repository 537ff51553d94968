// The handle's side of a process: which loop it runs on, and the way there from any thread.
#include "execo/process.hpp"

#include <array>
#include <atomic>
#include <cassert>
#include <csignal>
#include <stdexcept>

#include "loop/post_call.hpp"
#include "process/command_check.hpp"
#include "process/handler_calls.hpp"
#include "process/lifecycle.hpp"
#include "process/local_transport.hpp"
#include "process/process_access.hpp"

namespace execo {
namespace detail {

/// Shared by a process and its awaiters. Before the start it belongs to the one thread that
/// configures it; after it, to all who hold it.
class process_state final : public ref_counted {
 public:
  explicit process_state(command c) : what(std::move(c)) {}
  ~process_state() override {
    if (!run || detached || run->ended()) return;
    run_on(run->home(), [r = run] { r->cancel(); });
  }

  /// The loop it runs on, or would.
  loop& where(loop* awaiting) const {
    // After the end the loop it ran on may be gone.
    if (run && run->ended()) return loop_or_default(awaiting);
    if (run) return run->home();
    return chosen != nullptr ? *chosen : loop_or_default(awaiting);
  }

  void verify() const {
    if (!run) check_local(what);
  }

  void make_run(loop& on, surroundings::caller then) {
    if (run) return;
    // First: what the transport opens may get the number of a descriptor that is not open.
    auto stdio = taken_stdio::now(what, then);
    auto how = make_local_transport(on, then);
    auto shared = std::make_shared<const command>(std::move(what));
    run = intrusive_ptr<lifecycle>(
        new lifecycle(on, shared, std::move(stdio), std::move(how), deadlines()));
    for (stream which : {stream::out, stream::err})
      if (read_early[which == stream::out ? 0 : 1]) run->output(which).begin_reading();
    if (shared->handlers.empty()) return;
    handlers = std::make_shared<handler_tap>(*shared);
    run->set_tap(handlers);
  }

  /// What a handler threw is thrown where the process is awaited.
  /// Pre: ended.
  void rethrow() const {
    assert(!run || run->ended());
    if (handlers && handlers->problem()) std::rethrow_exception(handlers->problem());
  }

  command what;
  loop* chosen = nullptr;
  intrusive_ptr<lifecycle> run;
  std::shared_ptr<handler_tap> handlers;
  bool detached = false;
  std::array<bool, 2> read_early{};
};

loop& loop_of_run(process_state& state, loop* awaiting) {
  if (!state.run)
    throw std::logic_error("a stream of a process that was not started: call start() first");
  return state.where(awaiting);
}

lifecycle& run_of(process_state& state) noexcept {
  assert(state.run);
  return *state.run;
}

process_ref make_process(command what) { return process_ref(new process_state(std::move(what))); }

void retain(process_state& state) noexcept { state.retain(); }
void release(process_state& state) noexcept { state.release(); }

process_wait::process_wait(process_ref state, stop_ends what) noexcept
    : state_(std::move(state)), stop_(what) {}

process_wait::process_wait(process_wait&& other) noexcept
    : operation(std::move(other)), state_(std::move(other.state_)), stop_(other.stop_) {}

loop& process_wait::bind(loop* affinity) {
  // Misuse throws here, in the awaiting coroutine.
  state_->verify();
  loop& on = state_->where(affinity);
  state_->make_run(on, surroundings::caller::stands_still);
  return on;
}

void process_wait::on_start(bool stopped) noexcept {
  lifecycle& run = *state_->run;
  if (run.ended()) return complete();
  run.attach(*this);
  if (stopped) return on_stop();
  if (stop_ == stop_ends::process) run.start();
}

void process_wait::on_stop() noexcept {
  if (stop_ == stop_ends::process && kind_of_stop() != stop_kind::abandon) {
    state_->run->cancel(kind_of_stop() == stop_kind::kill ? SIGKILL : lifecycle::by_policy);
    return;
  }
  if (!linked()) return;
  unlink();
  abandoned_ = true;
  complete();
}

void process_wait::on_end(execution&) noexcept { complete(); }

result process_wait::copy_result() const {
  if (abandoned_) throw operation_cancelled();
  state_->rethrow();
  return state_->run->final_result();
}

result process_wait::move_result() {
  if (abandoned_) throw operation_cancelled();
  state_->rethrow();
  return state_->run->take_result();
}

}  // namespace detail

command& process::mutable_command() {
  if (state().run) throw std::logic_error("a process is configured before it is started");
  return state_->what;
}

detail::process_state& process::state() const {
  if (!state_)
    throw std::logic_error(
        "a process that was moved from or awaited as a temporary: keep it and use p.run(), not "
        "std::move(p)");
  return *state_;
}

process& process::on(executor where) & {
  (void)mutable_command();
  state_->chosen = &loop_of(where);
  return *this;
}

process&& process::on(executor where) && { return std::move(on(where)); }

process& process::start() & {
  if (state().run && state_->run->started()) return *this;
  state_->verify();
  detail::loop& where = state_->where(nullptr);
  state_->make_run(where, detail::surroundings::caller::goes_on);
  detail::run_on(where, [run = state_->run] { run->start(); });
  return *this;
}

process process::start() && {
  start();
  return std::move(*this);
}

process::run_op process::run() & {
  (void)state();
  return run_op(state_);
}

process::owned_run_op process::run() && {
  (void)state();
  return owned_run_op(std::move(state_));
}

process::wait_op process::wait() & {
  if (!state().run)
    throw std::logic_error("wait() for a process that was not started: call start() first");
  return wait_op(state_);
}

void process::kill() noexcept { kill(detail::lifecycle::by_policy); }

void process::kill(int signal) noexcept {
  if (!state_ || !state_->run || state_->run->ended()) return;
  detail::run_on(state_->run->home(), [run = state_->run, signal] { run->kill(signal); });
}

void process::detach() && noexcept {
  if (state_) {
    state_->detached = true;
    if (state_->run && !state_->run->ended())
      detail::run_on(state_->run->home(), [run = state_->run] { run->outlive(); });
  }
  state_ = detail::process_ref(nullptr);
}

reader process::out() {
  if (!state().run) state_->read_early[0] = true;
  return reader(state_, stream::out);
}

reader process::err() {
  if (!state().run) state_->read_early[1] = true;
  return reader(state_, stream::err);
}

writer process::in() {
  (void)state();
  return writer(state_);
}

pid_t process::pid() const noexcept { return state_ && state_->run ? state_->run->pid() : 0; }

bool process::running() const noexcept {
  return state_ && state_->run && state_->run->started() && !state_->run->ended();
}

std::optional<result> process::try_result() const {
  if (!state().run || !state_->run->ended()) return std::nullopt;
  return state_->run->final_result();
}

}  // namespace execo
