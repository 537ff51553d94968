// The handles of an action, and its awaiters.
#include "execo/action.hpp"

#include <stdexcept>
#include <utility>

#include "action/action_access.hpp"
#include "action/fanout_action.hpp"
#include "execo/detail/action_options.hpp"
#include "loop/post_call.hpp"

namespace execo {
namespace detail {

void retain(action_core& state) noexcept { state.add_handle(); }
void release(action_core& state) noexcept { state.drop_handle(); }

action_wait::action_wait(action_ref state) noexcept : state_(std::move(state)) {}
action_wait::action_wait(action_wait&& other) noexcept
    : operation(std::move(other)), list_node(), state_(std::move(other.state_)) {}

loop& action_wait::bind(loop* affinity) {
  loop& on = state_->home(affinity);
  state_->bind_to(on);
  return on;
}

void action_run_op::on_start(bool stopped) noexcept {
  if (stopped) state_->stop();
  state_->wait_for_end(*this);
}
void action_run_op::on_stop() noexcept { state_->stop(); }
void action_run_op::deliver() noexcept { complete(); }
action_result action_run_op::await_resume() { return state_->take_end(); }

void action_watch::on_start(bool stopped) noexcept {
  abandoned_ = stopped;
  stopped ? complete() : enter();
}

void action_watch::on_stop() noexcept {
  if (!linked()) return;
  unlink();
  abandoned_ = true;
  complete();
}

void action_watch::check() const {
  if (abandoned_) throw operation_cancelled();
  if (failed_) std::rethrow_exception(failed_);
}

template <class Take>
void action_watch::complete_with(Take&& take) noexcept {
  try {
    std::forward<Take>(take)();
  } catch (...) {
    // The action failed as a whole: thrown where the coroutine resumes.
    failed_ = std::current_exception();
  }
  complete();
}

void action_end_op::enter() noexcept { state_->wait_for_end(*this); }
void action_end_op::deliver() noexcept { complete(); }

action_result action_end_op::await_resume() {
  check();
  return state_->take_end();
}

void action_next_op::enter() noexcept { state_->wait_for_next(*this); }

void action_next_op::deliver() noexcept {
  complete_with([this] { taken_ = state_->take_next(); });
}

std::optional<host_result> action_next_op::await_resume() {
  check();
  return std::move(taken_);
}

loop& action_line_op::bind(loop* affinity) {
  if (!state_->bound()) state_->lines().enable();
  if (!state_->lines().enabled())
    throw std::logic_error(
        "next_line() of an action that keeps no lines: call keep_lines() before start()");
  return action_wait::bind(affinity);
}

void action_line_op::enter() noexcept { state_->wait_for_line(*this); }

void action_line_op::deliver() noexcept {
  complete_with([this] { taken_ = state_->take_line(); });
}

std::optional<host_line> action_line_op::await_resume() {
  check();
  return std::move(taken_);
}

namespace {

// Before the start here; then on its loop, unless it is over.
template <class Call>
void steer(action_core& core, Call call) {
  if (!core.bound()) return call(core);
  if (core.over()) return;
  run_on(core.home(nullptr), [kept = intrusive_ptr<action_core>(&core), call] { call(*kept); });
}

action_core& before_its_start(action& a) {
  action_core& core = action_access::core(a);
  if (core.bound()) throw std::logic_error("an action is configured before it is started");
  return core;
}

}  // namespace

void set_place(action& a, executor where) { before_its_start(a).chosen = &loop_of(where); }
void set_allow_empty(action& a) { before_its_start(a).allow_empty(); }

void add_action_handler(action& a, std::shared_ptr<action_handler> h) {
  if (!h) throw std::invalid_argument("a handler of an action that is null");
  before_its_start(a).handlers.push_back(std::move(h));
}

void set_fanout(action& a, std::size_t hosts) {
  if (hosts == 0) throw std::invalid_argument("fanout: at least one host at a time");
  steer(action_access::core(a), [hosts](action_core& core) { core.set_fanout(hosts); });
}

void set_journal(action& a, journal_options how) {
  configurable(action_access::core(a)).set_journal(std::move(how));
}

void set_notice(action& a, std::function<void(std::string_view)> call) {
  configurable(action_access::core(a)).on_notice = std::move(call);
}

void set_values(action& a, std::string_view name, value_list values) {
  configurable(action_access::core(a)).commands.set_values(name, std::move(values));
}

void set_verbatim(action& a) { configurable(action_access::core(a)).commands.keep_braces(); }

void set_retry(action& a, unsigned attempts, duration backoff) {
  retry_rule& rule = configurable(action_access::core(a)).retries;
  if (backoff.count() < 0) throw std::invalid_argument("retry: a backoff is not negative");
  rule.most = attempts;
  rule.backoff = backoff;
}

void set_idempotent(action& a) { configurable(action_access::core(a)).retries.idempotent = true; }

void set_keep_lines(action& a) { before_its_start(a).lines().enable(); }

}  // namespace detail

detail::action_core& action::state() const {
  if (!state_) throw std::logic_error("an action that was moved from");
  return *state_;
}

action& action::start() & {
  detail::loop& where = state().home(nullptr);
  state_->bind_to(where);
  detail::run_on(where, [s = state_] { s->start(); });
  return *this;
}

action action::start() && {
  start();
  return std::move(*this);
}

action::wait_op action::wait() {
  if (!state().bound())
    throw std::logic_error("wait() for an action that was not started: call start() first");
  return wait_op(state_);
}

action::run_op action::run() {
  (void)state();
  return run_op(state_);
}

action::next_op action::next() {
  (void)state();
  return next_op(state_);
}

action::line_op action::next_line() {
  (void)state();
  return line_op(state_);
}

void action::kill(int signal) noexcept {
  if (!state_ || !state_->bound() || state_->over()) return;
  detail::run_on(state_->home(nullptr), [s = state_, signal] { s->kill(signal); });
}

void action::suspend_launching() noexcept {
  if (state_) detail::steer(*state_, [](detail::action_core& core) { core.suspend_launching(); });
}

void action::resume_launching() noexcept {
  if (state_) detail::steer(*state_, [](detail::action_core& core) { core.resume_launching(); });
}

host_handle action::find(const host& which) const {
  using match = detail::action_core::match;
  std::optional<std::size_t> index = state().find(which, match::host);
  if (!index && which.user().empty() && which.port() == 0) index = state_->find(which, match::name);
  if (!index) throw std::out_of_range("the action has no host " + which.to_string());
  return detail::action_access::host_at(*this, *index);
}

host_state host_handle::state() const { return state_->state_of(index_); }

void host_handle::kill(int signal) noexcept {
  if (!state_->bound() || state_->over()) return;
  detail::run_on(state_->home(nullptr),
                 [s = state_, index = index_, signal] { s->kill_one(index, signal); });
}

std::string_view to_string(host_state where) noexcept {
  if (where == host_state::waiting) return "waiting";
  return where == host_state::running ? "running" : "ended";
}

void action::request_stop() noexcept {
  if (!state_ || !state_->bound() || state_->over()) return;
  detail::run_on(state_->home(nullptr), [s = state_] { s->stop(); });
}

action_stats action::stats() const { return state().stats(); }

}  // namespace execo
