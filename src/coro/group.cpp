#include "execo/detail/group.hpp"

#include <stdexcept>
#include <utility>

#include "loop/loop.hpp"

namespace execo::detail {

child_group::child_group() noexcept
    : parent_stop_(delegate<stop_kind>::to<&child_group::on_parent_stop>(this)) {}

void child_group::begin(std::coroutine_handle<> awaiting, env where) {
  if (env_.affinity != nullptr && where.affinity != nullptr && env_.affinity != where.affinity)
    throw std::logic_error("joined on another context than the one it runs on");
  awaiting_ = awaiting;
  if (env_.affinity == nullptr) env_.affinity = &loop_or_default(where.affinity);
  parent_ = where.stop;
  env_.adapter = where.adapter;
  env_.prepare_adapter(awaiting);
  if (is_current(*env_.affinity)) {
    run();
    return;
  }
  step_.run = delegate<>::to<&child_group::run>(this);
  env_.affinity->post(step_);
}

// The group itself counts as one, so that children that end at once cannot end it under its feet;
// its share is given back through the ready queue.
void child_group::run() noexcept {
  if (env_.adapter != nullptr) {
    env_.adapter->join(awaiting_, env_);
    parent_ = env_.stop;
  }
  if (parent_ != nullptr) {
    if (parent_->requested()) {
      on_parent_stop(parent_->kind());
    } else {
      parent_->attach(parent_stop_);
    }
  }
  add_pending();
  on_begin();
  step_.run = delegate<>::to<&child_group::release_pending>(this);
  env_.affinity->defer(step_);
}

// A group that has asked its children to stop already has its outcome.
void child_group::on_parent_stop(stop_kind kind) noexcept {
  if (stop_.requested()) {
    parent_->acknowledge(false);
    return;
  }
  stopped_by_parent_ = true;
  stop_.request(kind);
}

void child_group::release_pending() noexcept {
  if (--pending_ == 0) join().resume();
}

std::coroutine_handle<> child_group::join() noexcept {
  parent_stop_.unlink();
  if (std::exchange(stopped_by_parent_, false)) parent_->acknowledge(stop_);
  // An adapter's: it alone asks.
  if (env_.stop != nullptr) env_.stop->set_cancelled(env_.stop->requested() && cancelled());
  return on_joined(std::exchange(awaiting_, {}));
}

void child_group::start_child(std::coroutine_handle<> handle, task_promise_base& promise,
                              child_index index) noexcept {
  promise.affinity_ = env_.affinity;
  promise.stop_ = &stop_;
  promise.parent_kind_ = task_promise_base::parent_kind::group;
  promise.parent_ = this;
  promise.index_ = index;
  ++pending_;
  // Groups in groups, each started from within a child of the one around it.
  if (loop::stack_is_deep()) {
    promise.resume_later(delegate<>::resuming(handle));
  } else {
    handle.resume();
  }
}

std::coroutine_handle<> child_group::child_done(child_index index, bool failed) noexcept {
  on_child_done(index, failed);
  // A scope may run empty before it is joined.
  if (--pending_ != 0 || !awaiting_) return std::noop_coroutine();
  return join();
}

void detached_group::start(loop& place, std::coroutine_handle<> handle,
                           task_promise_base& promise) noexcept {
  bind_to(place);
  start_child(handle, promise, 0);
}

bool detached_group::request_stop(stop_kind kind) noexcept {
  if (done_) return false;
  stop().request(kind);
  return !stopped().came_too_late();
}

// From the ready queue: who is notified there may free the child, and this object.
void detached_group::on_child_done(child_index, bool) noexcept {
  done_ = true;
  affinity().defer(step_);
}

}  // namespace execo::detail
