#include "tree/seat_transport.hpp"

#include <utility>

namespace execo::detail {

seat_transport::seat_transport(loop& on, intrusive_ptr<tree_root> root, const host& where,
                               const char* what)
    : loop_(on),
      root_(std::move(root)),
      where_(where),
      limit_(delegate<>::to<&seat_transport::leave>(this), what),
      step_(delegate<>::to<&seat_transport::step>(this)) {}

void seat_transport::enter() {
  stage_ = stage::waiting;
  root_->enter(*this, where_);
}

void seat_transport::close() {
  if (is_parting()) return;
  parting_ = parting::waiting;
  if (!may_run()) return leave();
  if (root_->send(*this, cancel_message()) != send_result::queued) return leave();
  loop_.arm_after(limit_, end_limit());
}

std::chrono::milliseconds seat_transport::end_limit() const noexcept {
  return std::chrono::duration_cast<std::chrono::milliseconds>(after_kill);
}

void seat_transport::queue_step() {
  if (!std::exchange(step_queued_, true)) loop_.defer(step_);
}

void seat_transport::step() {
  step_queued_ = false;
  if (parting_ == parting::left) return report_closed();
  if (!failure_ || stage_ == stage::over) return go_on();
  stage_ = stage::over;
  failure why = std::move(*std::exchange(failure_, nullptr));
  if (!is_parting()) return events_->on_failed(std::move(why));
  leave();
}

void seat_transport::report_closed() {
  end_report found;
  found.transport = transport_kind::tree;
  found.connection = connection_use::none;
  found.started = started_;
  found.leftover = leftover_;
  found.note = root_->place_of(*this);
  events_->on_closed(std::move(found));
}

void seat_transport::leave() {
  if (parting_ == parting::left) return;
  loop_.disarm(limit_);
  if (may_run()) leftover_ = leftover_cause::no_answer;
  root_->leave(*this);
  parting_ = parting::left;
  queue_step();
}

void seat_transport::fail_soon(failure why) {
  if (!failure_) failure_ = std::make_unique<failure>(std::move(why));
  queue_step();
}

}  // namespace execo::detail
