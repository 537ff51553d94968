#include "execo/detail/operation.hpp"

#include "loop/loop.hpp"

namespace execo::detail {

operation::operation(loop* work) noexcept : work_(work), hook_(&operation::hear_stop) {
  step_.self = stop_step_.self = hook_.self = this;
}

void operation::suspend(std::coroutine_handle<> awaiting, env where) {
  awaiting_ = awaiting;
  home_ = where.home;
  if (work_ == nullptr) work_ = &loop_or_default(home_);
  relay_ = where.relay;
  // A relay listens to another library's token from the moment it is there: on the work loop, where
  // a request then cannot overtake the beginning.
  if (relay_ != nullptr) {
    home_ = work_;
  } else {
    listen(where);
  }
  if (is_current(*work_)) {
    begin();
  } else {
    step_.run = &operation::run_begin;
    work_->post(step_);
  }
}

void operation::listen(env where) noexcept {
  if (where.stop == nullptr) return;
  stopped_early_ = where.stop->requested();
  stop_kind_ = where.stop->kind();
  if (!stopped_early_) where.stop->attach(hook_);
}

void operation::begin() noexcept {
  if (relay_ != nullptr) {
    env where{home_};
    relay_(awaiting_, where);
    listen(where);
  }
  on_start(stopped_early_);
}

void operation::complete() noexcept {
  completed_ = true;
  step_.run = &operation::run_arrive;
  if (home_ == nullptr || home_ == work_) {
    work_->defer(step_);
  } else {
    home_->post(step_);
  }
}

void operation::arrive() noexcept {
  arrived_ = true;
  hook_.unlink();
  // A stop on its way to the work loop still points here: its answer resumes instead.
  if (!stop_travels_) awaiting_.resume();
}

void operation::run_begin(queue_node& node) noexcept {
  static_cast<step_node&>(node).self->begin();
}

void operation::run_arrive(queue_node& node) noexcept {
  static_cast<step_node&>(node).self->arrive();
}

void operation::hear_stop(stop_hook& hook) noexcept {
  operation& self = *static_cast<hook_node&>(hook).self;
  self.stop_kind_ = hook.kind();
  if (self.home_ == self.work_) {
    if (!self.completed_) self.on_stop();
    return;
  }
  self.stop_travels_ = true;
  self.stop_step_.run = &operation::run_stop;
  self.work_->post(self.stop_step_);
}

void operation::run_stop(queue_node& node) noexcept {
  operation& self = *static_cast<step_node&>(node).self;
  if (!self.completed_) self.on_stop();
  self.stop_step_.run = &operation::run_stop_seen;
  self.home_->post(self.stop_step_);
}

void operation::run_stop_seen(queue_node& node) noexcept {
  operation& self = *static_cast<step_node&>(node).self;
  self.stop_travels_ = false;
  if (self.arrived_) self.awaiting_.resume();
}

}  // namespace execo::detail
