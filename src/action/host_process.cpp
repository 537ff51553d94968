#include "execo/host_process.hpp"

#include <new>

#include "action/host_run.hpp"
#include "base/contain.hpp"
#include "process/process_state.hpp"

namespace execo {
namespace detail {

void host_process_op::on_start(bool stopped) noexcept {
  if (!stopped) return state_->wait_for_process(index_, *this);
  end_ = ending::cancelled;
  finish();
}

void host_process_op::on_stop() noexcept {
  if (stage_ == stage::done) return stop_missed();
  end_ = ending::cancelled;
  // The ring that is being asked refers to this object.
  if (stage_ == stage::asking) return;
  unlink();
  finish();
}

void host_process_op::ask(host_run& run) noexcept {
  stage_ = stage::asking;
  asked_ = &run;
  run.retain();
  if (&run.ring() == &work()) return answer();
  step_.run = delegate<>::to<&host_process_op::answer>(this);
  run.ring().post(step_);
}

// On the ring of the host.
void host_process_op::answer() noexcept {
  loop& home = work();
  if (lifecycle* found = asked_->running_command())
    contain([&] { found_ = process_ref(new process_state(intrusive_ptr<lifecycle>(found))); },
            [this](const std::exception_ptr&) { end_ = ending::no_memory; });
  const bool is_home = &asked_->ring() == &home;
  if (is_home) return finish();
  step_.run = delegate<>::to<&host_process_op::finish>(this);
  home.post(step_);
}

// Not within the event of the action that led here: the coroutine may end the action.
void host_process_op::finish() noexcept {
  stage_ = stage::done;
  if (asked_ != nullptr) std::exchange(asked_, nullptr)->release();
  step_.run = delegate<>::to<&host_process_op::resume>(this);
  work().defer(step_);
}

std::optional<host_process> host_process_op::await_resume() {
  if (end_ == ending::cancelled) throw operation_cancelled();
  if (end_ == ending::no_memory) throw std::bad_alloc();
  if (!found_) return std::nullopt;
  return host_process(std::move(found_));
}

}  // namespace detail

reader host_process::out() const { return reader(state_, stream::out); }
reader host_process::err() const { return reader(state_, stream::err); }
writer host_process::in() const { return writer(state_); }

}  // namespace execo
