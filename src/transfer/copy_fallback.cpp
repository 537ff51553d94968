#include "transfer/copy_fallback.hpp"

#include <cassert>
#include <utility>

#include "base/contain.hpp"

namespace execo::detail {

copy_fallback::copy_fallback(loop& on, intrusive_ptr<copy_execution> first, maker next)
    : loop_(on),
      first_(std::move(first)),
      make_next_(std::move(next)),
      step_(delegate<>::to<&copy_fallback::begin_second>(this)) {}

copy_execution& copy_fallback::running() const noexcept { return second_ ? *second_ : *first_; }

const result& copy_fallback::result_so_far() const noexcept {
  const bool is_between = state_ == state::waiting || state_ == state::ended;
  return is_between ? result_ : running().result_so_far();
}

void copy_fallback::start() {
  assert(state_ == state::idle);
  state_ = state::first;
  begin(*first_);
}

void copy_fallback::begin(copy_execution& one) {
  one.attach(static_cast<end_observer&>(*this));
  one.set_tap(static_cast<output_tap*>(this));
  one.disable_end_log();
  one.start();
}

void copy_fallback::cancel(int signal) noexcept {
  is_given_up_ = true;
  if (state_ != state::waiting) running().cancel(signal);
}

void copy_fallback::kill(int signal) noexcept {
  is_given_up_ = true;
  if (state_ != state::waiting) running().kill(signal);
}

// It is one attempt, and begins once.
bool copy_fallback::may_begin(execution&) noexcept {
  if (state_ == state::second) return !is_given_up_;
  return tap_ == nullptr || tap_->may_begin(*this);
}

void copy_fallback::on_phase(execution&, phase entered) noexcept {
  if (tap_ != nullptr) tap_->on_phase(*this, entered);
}

void copy_fallback::on_running(execution&) {
  if (!std::exchange(has_run_, true) && tap_ != nullptr) tap_->on_running(*this);
}

void copy_fallback::on_end(execution&) noexcept {
  const bool was_ignored = running().was_ignored();
  take_end();
  if (!was_ignored || is_given_up_) return end();
  // Not from inside the end of that one.
  state_ = state::waiting;
  self_ = intrusive_ptr<copy_fallback>(this);
  loop_.defer(step_);
}

void copy_fallback::begin_second() {
  intrusive_ptr<copy_fallback> alive = std::move(self_);
  if (is_given_up_) return end();
  next_try next;
  contain([&] { next = make_next_(); }, [](const std::exception_ptr&) {});
  if (!next.copy) return end();
  second_ = std::move(next.copy);
  why_second_ = next.why;
  state_ = state::second;
  begin(*second_);
}

void copy_fallback::take_end() noexcept {
  if (state_ == state::second) return take_second(second_->take_result());
  result_ = first_->take_result();
}

// Of a host that has no SFTP either the first end says more.
void copy_fallback::take_second(result found) noexcept {
  if (!second_->was_greeted() && !is_given_up_) {
    contain(
        [&] {
          std::string both = result_.error_context() + "; nor does it answer in SFTP";
          if (!found.error_context().empty()) both += ": " + found.error_context();
          result_access::set_context(result_, std::move(both));
        },
        [](const std::exception_ptr&) {});
    return;
  }
  result_access::started(found) = result_.started();
  result_access::elapsed(found) += result_.elapsed();
  contain(
      [&] {
        std::string why = found.transport_why();
        why += why.empty() ? "" : "; ";
        result_access::set_transport_why(found, why.append(why_second_));
      },
      [](const std::exception_ptr&) {});
  result_ = std::move(found);
}

void copy_fallback::end() noexcept {
  state_ = state::ended;
  if (logs_end_) log(end_level(result_), [this] { return result_.describe(); });
  if (tap_ != nullptr) tap_->on_ending(*this);
  // An observer may drop the last outside reference.
  intrusive_ptr<copy_fallback> alive(this);
  notify_observers();
}

}  // namespace execo::detail
