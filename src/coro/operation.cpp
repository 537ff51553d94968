#include "execo/detail/operation.hpp"

#include "loop/hold_watch.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

operation::operation(loop* work) noexcept
    : work_(work),
      hook_(delegate<stop_kind>::to<&operation::on_stop_request>(this)),
      crossing_(delegate<>::to<&operation::on_stop_arrived>(this)) {}

loop& operation::bind(loop* affinity) {
  return work_ != nullptr ? *work_ : loop_or_default(affinity);
}

void operation::suspend(std::coroutine_handle<> awaiting, const env& where) {
  affinity_ = where.affinity;
  work_ = &bind(affinity_);
  awaiting_ = awaiting;
  // Apart from affinity_: where the two are stored as one, the next read of either waits for it.
  stop_ = where.stop;
  adapter_ = where.adapter;
  if (adapter_ != nullptr) {
    env prepared = where;
    prepared.prepare_adapter(awaiting);
    adapter_state_ = prepared.adapter_state;
    // An adapter listens to another library's token from the moment it is there: on the work loop,
    // where a request then cannot overtake the beginning.
    affinity_ = work_;
  } else if (affinity_ != nullptr && loop::current() != affinity_) {
    // resume_on has led the coroutine away from the loop that its stop state belongs to.
    step_.run = delegate<>::to<&operation::dispatch>(this);
    affinity_->post(step_);
    return;
  }
  dispatch();
}

void operation::attach_stop() noexcept {
  if (stop_ == nullptr) return;
  stopped_early_ = stop_->requested();
  if (stopped_early_) {
    stop_kind_ = stop_->kind();
    stop_->acknowledge(true);
  } else {
    stop_->attach(hook_);
  }
}

void operation::dispatch() noexcept {
  attach_stop();
  if (loop::current() == work_) {
    begin();
  } else {
    step_.run = delegate<>::to<&operation::begin>(this);
    work_->post(step_);
  }
}

void operation::begin() noexcept {
  if (adapter_ != nullptr) {
    env where{affinity_};
    where.adapter_state = adapter_state_;
    adapter_->join(awaiting_, where);
    stop_ = where.stop;
    attach_stop();
  }
  live_.what = what();
  work_->enlist(live_);
  on_start(stopped_early_);
}

void operation::complete() noexcept {
  completed_ = true;
  live_.unlink();
  step_.run = delegate<>::to<&operation::arrive>(this);
  if (affinity_ == nullptr || affinity_ == work_) {
    work_->defer(step_);
  } else if (crossing_.close()) {
    affinity_->post(step_);
  }
}

void operation::arrive() noexcept {
  hook_.unlink();
  if (stop_sent_) stop_->acknowledge(stop_acts_);
  hold_watch::resuming(live_.what);
  if (adapter_ != nullptr && stop_ != nullptr) stop_->set_cancelled(cancelled());
  awaiting_.resume();
}

void operation::stop_now(stop_kind kind) noexcept {
  stop_kind_ = kind;
  stop_acts_ = true;
  on_stop();
}

// On the own loop, to which the stop state belongs.
void operation::on_stop_request(stop_kind kind) noexcept {
  if (affinity_ != work_) {
    stop_sent_ = true;
    crossing_.request(*work_, kind);
    return;
  }
  if (!completed_) stop_now(kind);
  stop_->acknowledge(stop_acts_);
}

// On the work loop. It may have met the end, which is reported only now.
void operation::on_stop_arrived() noexcept {
  const stop_kind kind = crossing_.accept();
  if (completed_) {
    affinity_->post(step_);
  } else {
    stop_now(kind);
  }
}

}  // namespace execo::detail
