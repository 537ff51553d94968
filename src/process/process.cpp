// The handle's side of a process: which loop it runs on, and the way there from any thread.
#include "execo/process.hpp"

#include <cassert>
#include <csignal>
#include <stdexcept>

#include "process/command_check.hpp"
#include "process/local_transport.hpp"
#include "process/process_access.hpp"
#include "process/process_state.hpp"

namespace execo::detail {

loop& loop_of_run(process_state& state, loop* awaiting) {
  if (!state.run)
    throw std::logic_error("a stream of a process that was not started: call start() first");
  return state.where(awaiting);
}

lifecycle& run_of(process_state& state) noexcept {
  assert(state.run);
  return *state.run;
}

namespace {

class local_way final : public command_way {
 public:
  void verify(const command& what) const override { check_local(what); }
  std::unique_ptr<transport> transport_on(loop& on, surroundings::caller then) override {
    return make_local_transport(on, then);
  }
};

}  // namespace

process_ref make_process(command what) {
  return process_ref(new process_state(std::move(what), std::make_unique<local_way>()));
}

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

command& process_handle::configurable() {
  if (shared_state().run) throw std::logic_error("a process is configured before it is started");
  return state_->what;
}

process_state& process_handle::shared_state() const {
  if (!state_)
    throw std::logic_error(
        "a process that was moved from or awaited as a temporary: keep it and use p.run(), not "
        "std::move(p)");
  return *state_;
}

void process_handle::set_place(executor where) {
  (void)configurable();
  state_->chosen = &loop_of(where);
}

void process_handle::start_now() {
  if (shared_state().run && state_->run->started()) return;
  state_->verify();
  loop& where = state_->where(nullptr);
  state_->make_run(where, surroundings::caller::goes_on);
  run_on(where, [run = state_->run] { run->start(); });
}

run_op process_handle::run() & {
  (void)shared_state();
  return run_op(state_);
}

owned_run_op process_handle::run() && {
  (void)shared_state();
  return owned_run_op(std::move(state_));
}

wait_op process_handle::wait() & {
  if (!shared_state().run)
    throw std::logic_error("wait() for a process that was not started: call start() first");
  return wait_op(state_);
}

void process_handle::kill() noexcept { kill(lifecycle::by_policy); }

void process_handle::kill(int signal) noexcept {
  if (!state_ || !state_->run || state_->run->ended()) return;
  run_on(state_->run->home(), [run = state_->run, signal] { run->kill(signal); });
}

void process_handle::detach() && noexcept {
  if (state_) {
    state_->detached = true;
    if (state_->run && !state_->run->ended())
      run_on(state_->run->home(), [run = state_->run] { run->outlive(); });
  }
  state_ = process_ref(nullptr);
}

reader process_handle::out() {
  if (!shared_state().run) state_->read_early[0] = true;
  return reader(state_, stream::out);
}

reader process_handle::err() {
  if (!shared_state().run) state_->read_early[1] = true;
  return reader(state_, stream::err);
}

writer process_handle::in() {
  (void)shared_state();
  return writer(state_);
}

pid_t process_handle::pid() const noexcept {
  return state_ && state_->run ? state_->run->pid() : 0;
}

bool process_handle::running() const noexcept {
  return state_ && state_->run && state_->run->started() && !state_->run->ended();
}

std::optional<result> process_handle::try_result() const {
  if (!shared_state().run || !state_->run->ended()) return std::nullopt;
  return state_->run->final_result();
}

}  // namespace execo::detail
