#include "action/rollout_action.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "action/action_access.hpp"
#include "base/contain.hpp"
#include "execo/log.hpp"
#include "process/handler_calls.hpp"

namespace execo {
namespace detail {

rollout_action::rollout_action(action_ref what)
    : what_(std::move(what)),
      soak_timer_(delegate<>::to<&rollout_action::end_soak>(this), "soak of a rollout"),
      deadline_timer_(delegate<>::to<&rollout_action::deadline_passed>(this),
                      "deadline of a batch of a rollout") {
  if (what_->bound()) throw std::logic_error("an action joins a rollout before it is started");
  if (what_->is_suspended())
    throw std::logic_error("a suspended action joins no rollout: suspend the rollout");
  what_->join(*this, 0);
  chosen = what_->chosen;
  if (what_->lines().enabled()) lines().enable();
}

void rollout_action::prepare(loop& where) {
  if (what_->chosen != nullptr && what_->chosen != &where)
    throw std::invalid_argument("on() of a rollout and of the action in it are different");
  what_->allow_below(0);  // until the first batch
  what_->prepare(where);
  plan_ = batch_plan(asked, size());
  ended_.assign(plan_.count(), 0);
  verdict_.batches = plan_.count();
}

void rollout_action::bind_home(loop& where) noexcept {
  what_->bind_home(where);
  action_core::bind_home(where);
}

void rollout_action::begin() {
  if (plan_.count() == 0) {
    decide(rollout_end::complete);
  } else {
    open_batch();
  }
  what_->start();
}

void rollout_action::open_batch() noexcept {
  at_ = step::in_batch;
  verdict_.batch = batch_ + 1;
  reached_before_ = reached();
  failed_before_ = failed();
  deadline_left_ = batch_deadline;
  run_deadline();
  what_->allow_below(std::min(plan_.end_of(batch_), outer_limit_));
}

// It does not count the time in which no host may begin.
void rollout_action::run_deadline() noexcept {
  if (batch_deadline.count() == 0 || is_suspended()) return;
  deadline_at_ = later(where().read_clock(), deadline_left_);
  where().arm(deadline_timer_, deadline_at_);
}

void rollout_action::on_suspended() noexcept {
  what_->on_suspended();
  if (!deadline_timer_.armed()) return;
  where().disarm(deadline_timer_);
  deadline_left_ = deadline_at_ - where().read_clock();
}

void rollout_action::go_on() noexcept {
  if (at_ == step::in_batch && !deadline_timer_.armed()) run_deadline();
  what_->go_on();
}

void rollout_action::begin_next_batch() noexcept {
  ++batch_;
  open_batch();
}

void rollout_action::allow_below(std::size_t limit) noexcept {
  outer_limit_ = limit;
  if (at_ == step::in_batch) what_->allow_below(std::min(plan_.end_of(batch_), limit));
}

// A host that was never reached has not failed.
std::size_t rollout_action::failed() const noexcept { return reached() - counted().ok; }
std::size_t rollout_action::reached() const noexcept {
  return counted().done - counted().failed(end_reason::not_started);
}

void rollout_action::on_member_result(std::size_t index) noexcept {
  ++ended_[plan_.batch_of(index)];
}

void rollout_action::on_member_done() noexcept {
  if (at_ == step::in_batch) check_limits();
  end_finished_batches();
  // A sequence may have skipped the members of all later batches.
  if (at_ == step::soaking && counted().done == size()) decide(rollout_end::complete);
}

void rollout_action::check_limits() noexcept {
  const std::size_t in_all = failed();
  const std::size_t in_batch = in_all - failed_before_;
  if (in_all > plan_.max_fail()) {
    verdict_.hosts = reached();
    verdict_.failed = in_all;
    verdict_.limit = plan_.max_fail();
    decide(rollout_end::too_many_failures);
  } else if (in_batch > plan_.max_fail_in(batch_)) {
    verdict_.hosts = ended_[batch_];
    verdict_.failed = in_batch;
    verdict_.limit = plan_.max_fail_in(batch_);
    decide(rollout_end::too_many_failures_in_batch);
  } else {
    return;
  }
  if (on_stop == rollout_stop::kill) {
    what_->stop();
  } else {
    what_->begin_no_more();
  }
}

// Hosts of later batches may have results already, as those that were killed while they waited.
void rollout_action::end_finished_batches() noexcept {
  while ((at_ == step::in_batch || at_ == step::draining) && batch_is_over()) end_batch();
}

void rollout_action::end_batch() noexcept {
  where().disarm(deadline_timer_);
  if (at_ == step::in_batch && counted().done == size()) decide(rollout_end::complete);
  at_ = verdict_.how == rollout_end::none ? step::soaking : step::over;
  report_batch();
  // A call that threw has stopped it.
  if (at_ != step::soaking) return;
  if (soak.count() > 0) return where().arm_after(soak_timer_, soak);
  begin_next_batch();
}

void rollout_action::end_soak() noexcept {
  intrusive_ptr<rollout_action> alive(this);
  begin_next_batch();
  end_finished_batches();
}

void rollout_action::deadline_passed() noexcept {
  intrusive_ptr<rollout_action> alive(this);
  verdict_.hosts = plan_.size_of(batch_);
  verdict_.failed = verdict_.hosts - ended_[batch_];
  verdict_.deadline = batch_deadline;
  decide(rollout_end::batch_deadline);
  what_->stop();
}

// The first reason counts.
void rollout_action::decide(rollout_end how) noexcept {
  if (verdict_.how != rollout_end::none) return;
  verdict_.how = how;
  if (how == rollout_end::complete || how == rollout_end::stopped) {
    verdict_.hosts = reached();
    verdict_.failed = failed();
    verdict_.limit = plan_.max_fail();
  }
  where().disarm(soak_timer_);
  where().disarm(deadline_timer_);
  at_ = at_ == step::in_batch ? step::draining : step::over;
}

// A handler is the caller's code: its exception is thrown where the action is awaited.
void rollout_action::report_batch() noexcept {
  batch_report made;
  made.number = batch_ + 1;
  made.batches = plan_.count();
  made.hosts = plan_.size_of(batch_);
  made.failed = failed() - failed_before_;
  made.not_started = made.hosts - (reached() - reached_before_);
  made.hosts_so_far = plan_.end_of(batch_);
  made.failed_so_far = failed();
  made.end = verdict_.how;
  for (const auto& call : batch_calls)
    contain([&] { call(made); },
            [this](const std::exception_ptr& error) {
              log_handler_failure(error);
              fail(error);
            });
}

void rollout_action::cancel_all() noexcept {
  decide(rollout_end::stopped);
  what_->stop();
}

void rollout_action::signal_all(int signal) noexcept {
  decide(rollout_end::stopped);
  what_->kill(signal);
}

void rollout_action::end_waiting() noexcept {
  decide(rollout_end::stopped);
  what_->begin_no_more();
}

void rollout_action::signal_one(std::size_t index, int signal) noexcept {
  what_->signal_one(index, signal);
}

void rollout_action::find_process(std::size_t index, host_process_op& waiter) noexcept {
  what_->find_process(index, waiter);
}

void rollout_action::member_over(action_core&) noexcept { member_is_over_ = true; }

std::optional<std::size_t> rollout_action::find(const host& which, match by) const {
  return what_->find(which, by);
}

host_state rollout_action::state_of(std::size_t index) const noexcept {
  return what_->state_of(index);
}

bool rollout_action::lacks_hosts() const noexcept {
  return !allows_empty() && what_->lacks_hosts();
}

outcome_part rollout_action::part(std::size_t first) const {
  outcome_part made = what_->part(first);
  made.stats.allow_empty = made.stats.allow_empty || allows_empty();
  return made;
}

void rollout_action::describe(std::vector<std::string>& lines, clock::time_point now) const {
  lines.push_back(fmt::format("rollout of {} on {}, batch {} of {}{}", name(), progress(now),
                              verdict_.batch, verdict_.batches,
                              at_ == step::soaking ? ", soaking" : ""));
}

namespace {

rollout_action& rollout_to_configure(action& a) {
  action_core& core = action_access::core(a);
  if (core.bound()) throw std::logic_error("an action is configured before it is started");
  return static_cast<rollout_action&>(core);
}

std::string hosts_in_words(std::size_t count) {
  return fmt::format("{} host{}", count, count == 1 ? "" : "s");
}

duration not_negative(duration time, const char* option) {
  if (time.count() < 0) throw std::invalid_argument(fmt::format("{}: a negative time", option));
  return time;
}

}  // namespace

action_ref make_rollout(action what) {
  return action_ref(new rollout_action(action_access::take(what)));
}
void set_canary(action& a, host_share hosts) { rollout_to_configure(a).asked.canary = hosts; }
void set_batch(action& a, host_share hosts) {
  rollout_action& to = rollout_to_configure(a);
  if (hosts.of(std::size_t{1} << 50U) == 0)
    throw std::invalid_argument("batch: at least one host at a time");
  to.asked.size = hosts;
}
void set_max_fail(action& a, host_share hosts) { rollout_to_configure(a).asked.max_fail = hosts; }
void set_max_fail_in_batch(action& a, host_share hosts) {
  rollout_to_configure(a).asked.max_fail_in_batch = hosts;
}
void set_soak(action& a, duration time) {
  rollout_to_configure(a).soak = not_negative(time, "soak");
}
void set_batch_deadline(action& a, duration time) {
  rollout_to_configure(a).batch_deadline = not_negative(time, "batch_deadline");
}
void set_on_stop(action& a, rollout_stop how) { rollout_to_configure(a).on_stop = how; }
void add_batch_call(action& a, std::function<void(const batch_report&)> call) {
  if (!call) throw std::invalid_argument("on_batch: no function");
  rollout_to_configure(a).batch_calls.push_back(std::move(call));
}

}  // namespace detail

host_share::from_number::from_number(bool is_negative) {
  if (is_negative) throw std::invalid_argument("a negative number of hosts");
}

host_share host_share::of_percent(double p) {
  if (!(p >= 0 && p <= 100)) throw std::invalid_argument("a percentage is from 0 to 100");
  host_share made(0);
  made.percent_ = p;
  return made;
}

std::size_t host_share::of(std::size_t hosts) const noexcept {
  if (percent_ < 0) return hosts_;
  // What a percentage such as 4.35 lacks as a binary number is not a host.
  constexpr double nothing = 1e-9;
  return static_cast<std::size_t>(
      std::floor(static_cast<double>(hosts) * percent_ / 100 + nothing));
}

std::string_view to_string(rollout_end how) noexcept {
  static constexpr std::array<std::string_view, rollout_ends> words{
      "none",           "complete", "too_many_failures", "too_many_failures_in_batch",
      "batch_deadline", "stopped"};
  return words[static_cast<std::size_t>(how)];
}

std::string rollout_verdict::to_string() const {
  const std::string place = fmt::format("batch {} of {}", batch, batches);
  const std::string stopped = "stopped in " + place;
  switch (how) {
    case rollout_end::complete:
      return fmt::format("complete after {} batch{}: {} of {} failed", batches,
                         batches == 1 ? "" : "es", failed, detail::hosts_in_words(hosts));
    case rollout_end::too_many_failures:
      return fmt::format("{}: {} of {} failed, at most {} may", stopped, failed,
                         detail::hosts_in_words(hosts), limit);
    case rollout_end::too_many_failures_in_batch:
      return fmt::format("{}: {} of {} of it failed, at most {} may", stopped, failed,
                         detail::hosts_in_words(hosts), limit);
    case rollout_end::batch_deadline:
      return fmt::format("{}: after {} {} of its {} had not ended", stopped,
                         format_duration(deadline), failed, detail::hosts_in_words(hosts));
    case rollout_end::stopped:
      return batch == 0 ? "stopped before the first batch" : stopped + " by a request";
    case rollout_end::none:
      break;
  }
  return batch == 0 ? "not begun" : place;
}

std::string batch_report::to_string() const {
  const std::string skipped = not_started == 0 ? "" : fmt::format(", {} not started", not_started);
  return fmt::format("batch {} of {}: {}, {} failed{}; so far {}, {} failed", number, batches,
                     detail::hosts_in_words(hosts), failed, skipped,
                     detail::hosts_in_words(hosts_so_far), failed_so_far);
}

rollout_verdict rollout::verdict() const {
  return static_cast<const detail::rollout_action&>(state()).verdict();
}

}  // namespace execo
