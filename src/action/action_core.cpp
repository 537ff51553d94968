#include "action/action_core.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "execo/log.hpp"
#include "execo/time.hpp"
#include "loop/post_call.hpp"
#include "process/lifecycle.hpp"

namespace execo::detail {

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
  prepare();
  // Last: from here on the action counts as started.
  home_ = &where;
}

void action_core::start() noexcept {
  if (started_) return;
  started_ = true;
  self_ = intrusive_ptr<action_core>(this);
  home_->adopt(*this);
  begun_ = home_->read_clock();
  stats_.hosts = size();
  try {
    if (!stopping_) begin();
  } catch (...) {
    fail(std::current_exception());
  }
  notify_waiters();
}

void action_core::take_over(host_result r) {
  log(end_level(r), [&] { return r.describe(); });
  on_result(r);
  auto how = static_cast<std::size_t>(r.how());
  ++stats_.by_reason[how];
  if (!r.output_complete()) ++stats_.incomplete;
  connection_use used = r.connection();
  if (used == connection_use::made || used == connection_use::replaced) ++stats_.connections_made;
  if (used == connection_use::reused) ++stats_.connections_reused;
  if (used == connection_use::replaced) ++stats_.connections_lost;
  if (r.ok()) {
    ++stats_.ok;
    ++stats_.ok_by_reason[how];
  }
  if (streaming_) {
    ready_.push_back(std::move(r));
  } else {
    kept_.push_back(std::move(r));
  }
}

std::string action_core::progress(clock::time_point now) const {
  return fmt::format("{} hosts, {} ended, {} open, for {}{}", size(), stats_.done, open(),
                     format_duration(now - begun_), stopping_ ? ", stopping" : "");
}

void action_core::fail(std::exception_ptr error) noexcept {
  if (!error_) error_ = std::move(error);
  stop();
}

void action_core::stop() noexcept {
  if (stopping_) return;
  stopping_ = true;
  // The end of the last host may release the last reference.
  intrusive_ptr<action_core> alive(this);
  if (!started_) start();
  cancel_all();
  notify_waiters();
}

void action_core::kill(int signal) noexcept {
  if (!started_ || finished()) return;
  intrusive_ptr<action_core> alive(this);
  signal_all(signal);
  notify_waiters();
}

void action_core::wait_for_end(action_wait& waiter) noexcept {
  start();
  waiter.link_before(end_waiters_);
  notify_waiters();
}

void action_core::wait_for_next(action_wait& waiter) noexcept {
  if (!streaming_) {
    streaming_ = true;
    contain(
        [this] {
          for (host_result& r : kept_) ready_.push_back(std::move(r));
        },
        [this](const std::exception_ptr& error) { fail(error); });
    kept_.clear();
  }
  start();
  waiter.link_before(next_waiters_);
  notify_waiters();
}

void action_core::notify_waiters() noexcept {
  if (!started_) return;
  // A notified waiter may drop the last handle, on another thread.
  intrusive_ptr<action_core> alive(this);
  bool over = finished();
  std::size_t available = ready_.size();
  while (next_waiters_.linked() && (available > 0 || over)) {
    auto& waiter = static_cast<action_wait&>(*next_waiters_.next());
    waiter.unlink();
    waiter.deliver();
    available = ready_.size();
  }
  while (over && end_waiters_.linked()) {
    auto& waiter = static_cast<action_wait&>(*end_waiters_.next());
    waiter.unlink();
    waiter.deliver();
  }
  // Once: afterwards the loop may be destroyed.
  if (over && open() == 0 && !over_.load(std::memory_order_relaxed)) {
    unlink();
    over_.store(true, std::memory_order_release);
    on_over();
    intrusive_ptr<action_core> last = std::move(self_);
  }
}

action_stats action_core::stats() const {
  action_stats now = stats_;
  now.hosts = size();
  now.running = open();
  if (!finished() && started_) now.elapsed = home_->read_clock() - begun_;
  return now;
}

std::optional<host_result> action_core::take_next() {
  if (ready_.empty()) {
    if (error_) std::rethrow_exception(error_);
    return std::nullopt;
  }
  std::optional<host_result> r(std::move(ready_.front()));
  ready_.pop_front();
  go_on();
  return r;
}

action_result action_core::take_end() {
  if (error_) std::rethrow_exception(error_);
  if (end_) return *end_;
  std::vector<host_result> results = std::move(kept_);
  for (host_result& r : ready_) results.push_back(std::move(r));
  ready_.clear();
  std::ranges::sort(results, {}, &host_result::index);
  end_.emplace(std::move(results), stats_);
  return *end_;
}

}  // namespace execo::detail
