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

}  // namespace execo::detail
