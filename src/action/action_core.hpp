// What every kind of action has: handles, its loop, results on their way to waiters, and counts.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <optional>
#include <vector>

#include "base/contain.hpp"
#include "base/intrusive_ptr.hpp"
#include "execo/action.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class action_core : public ref_counted, protected loop_member {
 public:
  // -- from any thread --------------------------------------------------------------------------
  /// Handles are counted apart from references: when the last handle is dropped, the action stops.
  void add_handle() noexcept;
  void drop_handle() noexcept;
  /// Where it runs, or would run for a coroutine on `awaiting`.
  loop& home(loop* awaiting);
  /// Fixes the loop; throws std::invalid_argument for an action that cannot be run.
  void bind_to(loop& where);
  bool bound() const noexcept { return home_ != nullptr; }
  /// Every host has ended: the loop is not needed any more and may have been destroyed.
  bool over() const noexcept { return over_.load(std::memory_order_acquire); }

  // -- on the loop ------------------------------------------------------------------------------
  void start() noexcept;
  void stop() noexcept;
  void kill(int signal) noexcept;
  void wait_for_end(action_wait& waiter) noexcept;
  void wait_for_next(action_wait& waiter) noexcept;
  std::optional<host_result> take_next();
  action_result take_end();
  action_stats stats() const;

  // -- configuration, before the start ----------------------------------------------------------
  loop* chosen = nullptr;
  void allow_empty() noexcept { stats_.allow_empty = true; }

 protected:
  // What a kind of action does. All but prepare() are called on the loop.
  /// Prepares what does not change after the start. Throws: std::invalid_argument.
  virtual void prepare() = 0;
  virtual std::size_t size() const noexcept = 0;
  /// Starts the work. What it throws is thrown to the coroutines that await the action.
  virtual void begin() = 0;
  /// Results were taken: more work may be started.
  virtual void go_on() noexcept = 0;
  /// Cancels what is in progress, and delivers not_started for the rest.
  virtual void cancel_all() noexcept = 0;
  virtual void signal_all(int signal) noexcept = 0;
  /// Started and not ended yet.
  virtual std::size_t open() const noexcept = 0;
  /// A result, before any waiter has it.
  virtual void on_result(const host_result& r) noexcept = 0;
  /// The last result was delivered.
  virtual void on_over() noexcept = 0;

  loop& where() const noexcept { return *home_; }
  bool stopping() const noexcept { return stopping_; }
  /// Results that were not taken yet, if they are taken one by one.
  std::size_t untaken() const noexcept { return streaming_ ? ready_.size() : 0; }
  bool finished() const noexcept { return started_ && stats_.done == size(); }
  std::string progress(clock::time_point now) const;
  /// The action fails as a whole: its waiters get the exception.
  void fail(std::exception_ptr error) noexcept;
  void notify_waiters() noexcept;
  /// A result for which there is no memory is an error of the action; its host counts as done.
  template <class Make>
  void deliver(Make&& make) noexcept {
    std::exception_ptr problem;
    contain([&] { take_over(std::forward<Make>(make)()); },
            [&](std::exception_ptr error) { problem = std::move(error); });
    ++stats_.done;
    stats_.elapsed = home_->read_clock() - begun_;
    if (problem) fail(std::move(problem));
  }

 private:
  void shut_down() noexcept override { stop(); }
  void take_over(host_result r);

  std::atomic<int> handles_{0};
  std::atomic<bool> over_{false};
  loop* home_ = nullptr;
  intrusive_ptr<action_core> self_;  // while hosts are open
  std::exception_ptr error_;
  std::optional<action_result> end_;
  std::vector<host_result> kept_;  // results that wait for the end
  std::deque<host_result> ready_;  // results that wait for next()
  list_node end_waiters_;
  list_node next_waiters_;
  action_stats stats_;
  clock::time_point begun_{};
  bool started_ = false;
  bool stopping_ = false;
  bool streaming_ = false;  // next() was used
};

}  // namespace execo::detail
