#include "execo/resume_on.hpp"

#include <utility>

#include "loop/loop.hpp"

namespace execo::detail {

// By way of the ready queue: the parent frees the child's frame, which may still be on the stack.
std::coroutine_handle<> resume_elsewhere::on_joined(std::coroutine_handle<> awaiting) noexcept {
  step_.parent = awaiting;
  step_.run = [](queue_node& node) noexcept {
    auto& step = static_cast<step_node&>(node);
    std::exception_ptr refused;
    try {
      step.self->resume_at_place(step.parent);
      return;
    } catch (...) {
      refused = std::current_exception();
    }
    step.self->refused_ = std::move(refused);
    step.parent.resume();
  };
  affinity().defer(step_);
  return std::noop_coroutine();
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
void remote_group::on_child_done(std::size_t, bool) noexcept {
  done_ = true;
  step_.run = [](queue_node& node) noexcept { static_cast<step_node&>(node).self->ended_(); };
  affinity().defer(step_);
}

}  // namespace execo::detail
