#include "execo/detail/group.hpp"

#include <stdexcept>
#include <utility>

#include "loop/loop.hpp"

namespace execo::detail {

std::coroutine_handle<> child_promise_base::finish() noexcept {
  return group_->child_done(index_, error != nullptr);
}

child_group::child_group() noexcept
    : parent_stop_([](stop_hook& hook) noexcept {
        static_cast<hook_node&>(hook).self->stop_.request(hook.kind());
      }) {
  parent_stop_.self = step_.self = this;
}

void child_group::begin(std::coroutine_handle<> awaiting, env where) {
  if (env_.home != nullptr && where.home != nullptr && env_.home != where.home)
    throw std::logic_error("joined on another context than the one it runs on");
  awaiting_ = awaiting;
  if (env_.home == nullptr) env_.home = &loop_or_default(where.home);
  env_.relay = where.relay;
  listen(where);
  if (is_current(*env_.home)) {
    run();
    return;
  }
  step_.run = [](queue_node& node) noexcept { static_cast<step_node&>(node).self->run(); };
  env_.home->post(step_);
}

void child_group::listen(env where) noexcept {
  if (where.stop == nullptr) return;
  if (where.stop->requested()) {
    stop_.request(where.stop->kind());
  } else {
    where.stop->attach(parent_stop_);
  }
}

// The group itself counts as one, so that children that end at once cannot end it under its feet;
// its share is given back through the ready queue.
void child_group::run() noexcept {
  if (env_.relay != nullptr) {
    env_.relay(awaiting_, env_);
    listen(env_);
  }
  hold();
  on_begin();
  step_.run = [](queue_node& node) noexcept { static_cast<step_node&>(node).self->let_go(); };
  env_.home->defer(step_);
}

void child_group::let_go() noexcept {
  if (--pending_ != 0) return;
  parent_stop_.unlink();
  std::exchange(awaiting_, {}).resume();
}

void child_group::start_child(std::coroutine_handle<> handle, child_promise_base& promise,
                              std::size_t index) {
  promise.env_ = env{env_.home, &stop_};
  promise.group_ = this;
  promise.index_ = index;
  ++pending_;
  handle.resume();
}

std::coroutine_handle<> child_group::child_done(std::size_t index, bool failed) noexcept {
  on_child_done(index, failed);
  // A scope may run empty while nobody joins it.
  if (--pending_ != 0 || !awaiting_) return std::noop_coroutine();
  parent_stop_.unlink();
  return std::exchange(awaiting_, {});
}

}  // namespace execo::detail
