#include "execo/resume_on.hpp"

#include <utility>

#include "loop/loop.hpp"

namespace execo::detail {

// By way of the ready queue: the parent frees the child's frame, which may still be on the stack.
std::coroutine_handle<> resume_elsewhere::on_joined(std::coroutine_handle<> awaiting) noexcept {
  parent_ = awaiting;
  step_.run = delegate<>::to<&resume_elsewhere::leave>(this);
  affinity().defer(step_);
  return std::noop_coroutine();
}

void resume_elsewhere::leave() noexcept {
  std::exception_ptr refused;
  try {
    resume_at_place(parent_);
    return;
  } catch (...) {
    refused = std::current_exception();
  }
  refused_ = std::move(refused);
  parent_.resume();
}

void remote_group::start(loop& place, bool stopped, std::coroutine_handle<> handle,
                         child_promise_base& promise) noexcept {
  bind_to(place);
  if (stopped) stop().request();
  start_child(handle, promise, 0);
}

bool remote_group::request_stop() noexcept {
  if (done_) return false;
  stop().request();
  return !stopped().came_too_late();
}

// From the ready queue: the awaiting coroutine's thread may free the child as soon as it is
// notified.
void remote_group::on_child_done(child_index, bool) noexcept {
  done_ = true;
  affinity().defer(step_);
}

}  // namespace execo::detail
