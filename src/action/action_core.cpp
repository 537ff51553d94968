#include "action/action_core.hpp"

#include <fmt/format.h>

#include <cassert>
#include <chrono>

#include "action/host_run.hpp"
#include "execo/log.hpp"
#include "execo/time.hpp"
#include "loop/post_call.hpp"
#include "process/handler_calls.hpp"

namespace execo::detail {

action_core::action_core() = default;
action_core::~action_core() = default;

void action_core::add_handle() noexcept {
  retain();
  handles_.fetch_add(1, std::memory_order_relaxed);
}

void action_core::drop_handle() noexcept {
  if (handles_.fetch_sub(1, std::memory_order_acq_rel) == 1 && home_ != nullptr && !over())
    run_on(*home_, [mine = intrusive_ptr<action_core>(this)] { mine->stop(); });
  release();
}

loop& action_core::home(loop* awaiting) {
  if (over()) return loop_or_default(awaiting);
  if (home_ != nullptr) return *home_;
  return chosen != nullptr ? *chosen : loop_or_default(awaiting);
}

void action_core::bind_to(loop& where) {
  if (home_ != nullptr) return;
  prepare(where);
  // Last: from here on the action counts as started.
  bind_home(where);
}

void action_core::join(action_core& composite, std::size_t first) noexcept {
  assert(!bound() && composite_ == nullptr);
  composite_ = &composite;
  first_ = first;
}

const action_core& action_core::outermost() const noexcept {
  const action_core* at = this;
  while (at->composite_ != nullptr) at = at->composite_;
  return *at;
}

void action_core::start() noexcept {
  if (stage_ != stage::idle) return;
  assert(loop::current() == home_ && (composite_ == nullptr || composite_->home_ == home_));
  stage_ = stage::running;
  self_ = intrusive_ptr<action_core>(this);
  home_->adopt(*this);
  begun_ = home_->read_clock();
  stats_.hosts = size();
  if (!stopping_) notify_start();
  try {
    if (!stopping_) begin();
  } catch (...) {
    fail(std::current_exception());
  }
  notify_waiters();
}

// A handler is the caller's code: its exception is thrown where the action is awaited.
template <class Call>
void action_core::call_handlers(const Call& call) noexcept {
  for (const auto& h : handlers)
    contain([&] { call(*h); },
            [this](const std::exception_ptr& error) {
              log_handler_failure(error);
              fail(error);
            });
}

void action_core::notify_start() noexcept {
  if (handlers.empty()) return;
  contain(
      [this] {
        const std::string called = name();
        const started_action event(called, size(), std::chrono::system_clock::now());
        call_handlers([&](action_handler& h) { h.on_start(event); });
      },
      [this](const std::exception_ptr& error) { fail(error); });
}

void action_core::notify_end() noexcept {
  stage_ = stage::ended;
  if (handlers.empty()) return;
  contain(
      [this] {
        const std::string called = name();
        const ended_action event(called, succeeded(), stats_);
        call_handlers([&](action_handler& h) { h.on_end(event); });
      },
      [this](const std::exception_ptr& error) { fail(error); });
}

void action_core::take_over(host_result r) {
  log(end_level(r), [&] { return r.describe(); });
  on_result(r);
  const std::size_t moved = position_of(r.index) - r.index;
  action_core* at = this;
  at->count(r);
  for (; at->composite_ != nullptr; at = at->composite_) {
    r.index += at->first_;
    at->composite_->count(r);
    at->composite_->on_member_result(r.index);
  }
  r.index += moved;
  at->results_.push(std::move(r));
  ++untaken_;
}

void action_core::count(const host_result& r) noexcept {
  auto how = static_cast<std::size_t>(r.how());
  ++stats_.by_reason[how];
  if (!r.output_complete()) ++stats_.incomplete;
  connection_use used = r.connection();
  if (used == connection_use::made || used == connection_use::replaced) ++stats_.connections_made;
  if (used == connection_use::reused) ++stats_.connections_reused;
  if (used == connection_use::replaced) ++stats_.connections_lost;
  if (!r.ok()) return;
  ++stats_.ok;
  ++stats_.ok_by_reason[how];
}

void action_core::count_done() noexcept {
  const clock::time_point now = home_->read_clock();
  for (action_core* at = this; at != nullptr; at = at->composite_) {
    ++at->stats_.done;
    if (at->stage_ != stage::idle) at->stats_.elapsed = now - at->begun_;
  }
  if (composite_ == nullptr) return;
  // What a rollout does then may end all of them.
  action_core* top = composite_;
  while (top->composite_ != nullptr) top = top->composite_;
  const intrusive_ptr<action_core> alive(top);
  for (action_core* at = composite_; at != nullptr; at = at->composite_) at->on_member_done();
}

std::string action_core::progress(clock::time_point now) const {
  return fmt::format("{} hosts, {} ended, {} open, for {}{}", size(), stats_.done, open(),
                     format_duration(now - begun_),
                     stopping_        ? ", stopping"
                     : is_suspended() ? ", suspended"
                                      : "");
}

void action_core::fail(std::exception_ptr error) noexcept {
  // The end of the last host may release the last reference.
  intrusive_ptr<action_core> alive(this);
  if (!error_) error_ = error;
  stop();
  if (composite_ != nullptr) composite_->fail(std::move(error));
}

void action_core::fail_at_end(const std::exception_ptr& error) noexcept {
  for (action_core* at = this; at != nullptr; at = at->composite_)
    if (!at->error_) at->error_ = error;
}

void action_core::stop() noexcept {
  if (stopping_) return;
  stopping_ = true;
  // The end of the last host may release the last reference.
  intrusive_ptr<action_core> alive(this);
  start();
  cancel_all();
  notify_waiters();
}

void action_core::kill(int signal) noexcept {
  if (stage_ != stage::running || finished()) return;
  intrusive_ptr<action_core> alive(this);
  signal_all(signal);
  notify_waiters();
}

void action_core::suspend_launching() noexcept {
  assert(composite_ == nullptr);
  launching_ = launching::suspended;
  if (stage_ == stage::running) on_suspended();
}

void action_core::resume_launching() noexcept {
  assert(composite_ == nullptr);
  launching_ = launching::allowed;
  if (stage_ != stage::running) return;
  // What goes on may end within this call.
  intrusive_ptr<action_core> alive(this);
  go_on();
  notify_waiters();
}

void action_core::begin_no_more() noexcept {
  if (stage_ != stage::running || finished()) return;
  intrusive_ptr<action_core> alive(this);
  end_waiting();
  notify_waiters();
}

void action_core::kill_one(std::size_t index, int signal) noexcept {
  if (stage_ != stage::running) return;
  intrusive_ptr<action_core> alive(this);
  signal_one(index, signal);
}

void action_core::wait_for_end(action_wait& waiter) noexcept {
  start();
  waiter.link_before(end_waiters_);
  notify_waiters();
}

void action_core::wait_for_next(action_wait& waiter) noexcept {
  contain([this] { results_.take_one_by_one(); },
          [this](const std::exception_ptr& error) { fail(error); });
  start();
  waiter.link_before(next_waiters_);
  notify_waiters();
}

void action_core::wait_for_line(action_wait& waiter) noexcept {
  start();
  waiter.link_before(line_waiters_);
  notify_waiters();
}

void action_core::wait_for_process(std::size_t index, host_process_op& waiter) noexcept {
  start();
  find_process(index, waiter);
}

void action_core::keep_line(const output_line& line, host_run& by) noexcept {
  action_core* at = this;
  std::size_t index = line.index;
  for (; at->composite_ != nullptr; at = at->composite_) index += at->first_;
  contain(
      [&] {
        at->lines_.push(
            host_line(line.host, index, line.from, std::string(line.text), line.complete));
        if (!at->lines_.full() || by.is_held()) return;
        at->held_.emplace_back(&by);
        by.hold(true);
      },
      [this](const std::exception_ptr& error) { fail(error); });
  at->notify_line_waiters();
}

void action_core::notify_line_waiters() noexcept {
  // As in notify_waiters().
  intrusive_ptr<action_core> alive(this);
  while (line_waiters_.linked() && (!lines_.empty() || stage_ == stage::ended)) {
    auto& waiter = static_cast<action_wait&>(*line_waiters_.next());
    waiter.unlink();
    waiter.deliver();
  }
}

std::optional<host_line> action_core::take_line() {
  if (lines_.empty()) {
    if (error_) std::rethrow_exception(error_);
    return std::nullopt;
  }
  std::optional<host_line> line(lines_.pop());
  let_write();
  return line;
}

// One at a time, since each may write a lot at once; all of them when no line is left, for then it
// may be that the others are silent.
void action_core::let_write() noexcept {
  while (lines_.has_room() && !held_.empty()) {
    const intrusive_ptr<host_run> next = std::move(held_.front());
    held_.pop_front();
    // The loop of one that has ended may be gone.
    if (!next->link.linked()) continue;
    next->hold(false);
    if (!lines_.empty()) return;
  }
}

void action_core::notify_waiters() noexcept {
  if (stage_ == stage::idle) {
    // A member of which a host ended before it began.
    if (composite_ != nullptr) composite_->notify_waiters();
    return;
  }
  // A notified waiter may drop the last handle, on another thread.
  intrusive_ptr<action_core> alive(this);
  if (stage_ == stage::running && finished()) notify_end();
  const bool over = stage_ == stage::ended;
  notify_line_waiters();
  while (next_waiters_.linked() && (!results_.empty() || over)) {
    auto& waiter = static_cast<action_wait&>(*next_waiters_.next());
    waiter.unlink();
    waiter.deliver();
  }
  while (over && end_waiters_.linked()) {
    auto& waiter = static_cast<action_wait&>(*end_waiters_.next());
    waiter.unlink();
    waiter.deliver();
  }
  intrusive_ptr<action_core> composite(composite_);
  // Once: afterwards the loop may be destroyed.
  if (over && open() == 0 && !over_.load(std::memory_order_relaxed)) {
    unlink();
    over_.store(true, std::memory_order_release);
    on_over();
    intrusive_ptr<action_core> last = std::move(self_);
    if (composite) composite->member_over(*this);
  }
  if (composite) composite->notify_waiters();
}

action_stats action_core::stats() const {
  action_stats now = stats_;
  now.hosts = size();
  now.running = open();
  if (stage_ == stage::running) now.elapsed = home_->read_clock() - begun_;
  return now;
}

outcome_part action_core::part(std::size_t first) const {
  outcome_part made;
  made.name = name();
  made.first = first;
  made.stats = stats_;
  return made;
}

std::optional<host_result> action_core::take_next() {
  if (results_.empty()) {
    if (error_) std::rethrow_exception(error_);
    return std::nullopt;
  }
  std::optional<host_result> r(results_.pop());
  action_core& from = action_of(r->index);
  --from.untaken_;
  from.go_on();
  return r;
}

action_result action_core::take_end() {
  if (error_) std::rethrow_exception(error_);
  if (end_) return *end_;
  auto whole = std::make_shared<const action_outcome>(results_.take_all(), part(0));
  end_ = action_result(action_result::view(), whole, whole->whole());
  return *end_;
}

}  // namespace execo::detail
