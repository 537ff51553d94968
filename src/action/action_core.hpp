// What every kind of action has: handles, its loop, results on their way to waiters, and counts.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "action/action_outcome.hpp"
#include "action/line_queue.hpp"
#include "action/result_queue.hpp"
#include "base/contain.hpp"
#include "base/intrusive_ptr.hpp"
#include "execo/action.hpp"
#include "execo/action_handler.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

class host_run;

class action_core : public ref_counted, protected loop_member {
 public:
  action_core();
  ~action_core() override;

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

  // -- of a member of a composite ---------------------------------------------------------------
  // Only the composite has a handle of it, and gets its results, its end and its exceptions. Both
  // run on the same loop.
  /// `first`: where its hosts stand among those of the composite. Pre: it is not bound.
  void join(action_core& composite, std::size_t first) noexcept;
  /// What action_result::ok() will say. Pre: it has ended.
  bool succeeded() const noexcept { return stats_.ok == stats_.hosts && !lacks_hosts(); }

  // -- on the loop ------------------------------------------------------------------------------
  void start() noexcept;
  void stop() noexcept;
  void kill(int signal) noexcept;
  void kill_one(std::size_t index, int signal) noexcept;
  // These three also before it is bound, on the thread that configures it.
  void suspend_launching() noexcept;
  void resume_launching() noexcept;
  /// Of each fan-out in it. Pre: > 0.
  virtual void set_fanout(std::size_t at_a_time) noexcept = 0;
  virtual host_state state_of(std::size_t index) const noexcept = 0;
  /// What its results, its command and its caller know the host at `index` by: another number in a
  /// run that goes on.
  virtual std::size_t position_of(std::size_t index) const noexcept { return index; }
  void wait_for_end(action_wait& waiter) noexcept;
  void wait_for_next(action_wait& waiter) noexcept;
  void wait_for_line(action_wait& waiter) noexcept;
  void wait_for_process(std::size_t index, host_process_op& waiter) noexcept;
  std::optional<host_result> take_next();
  std::optional<host_line> take_line();
  action_result take_end();
  action_stats stats() const;

  // -- configuration, before the start ----------------------------------------------------------
  loop* chosen = nullptr;
  std::vector<std::shared_ptr<action_handler>> handlers;
  void allow_empty() noexcept { stats_.allow_empty = true; }
  line_queue& lines() noexcept { return lines_; }

  virtual std::size_t size() const noexcept = 0;
  /// Whether the outermost action lets no host begin now.
  bool is_suspended() const noexcept { return outermost().launching_ == launching::suspended; }
  /// Whether its results have the positions of its hosts, as those of a member must.
  virtual bool may_join() const noexcept { return true; }
  /// What it is called in reports.
  virtual std::string name() const = 0;
  /// The position of the first of its hosts that is this one, or only has its name.
  /// Thread: any.
  enum class match : bool { name, host };
  virtual std::optional<std::size_t> find(const host& which, match by) const = 0;

  // -- of a member of a rollout, on the loop ----------------------------------------------------
  /// Hosts at positions from `limit` on do not begin, nor do they once more. Default: all may
  /// begin. May be called before the start.
  virtual void allow_below(std::size_t limit) noexcept = 0;
  /// Lets what runs go on to its end, and begins nothing: hosts that wait are `not_started`.
  void begin_no_more() noexcept;

 protected:
  // What a kind of action does. All but prepare() and bind_home() are called on the loop.
  /// Prepares what does not change after the start; may be called again if another action of a
  /// composite cannot be prepared. Throws: std::invalid_argument.
  virtual void prepare(loop& where) = 0;
  /// It is prepared, and runs there.
  virtual void bind_home(loop& where) noexcept { home_ = &where; }
  /// Starts the work. What it throws is thrown to the coroutines that await the action.
  virtual void begin() = 0;
  /// Results were taken, or launching was resumed: more work may be started.
  virtual void go_on() noexcept = 0;
  /// No host begins until go_on().
  virtual void on_suspended() noexcept {}
  /// Cancels what is in progress, and delivers not_started for the rest.
  virtual void cancel_all() noexcept = 0;
  virtual void signal_all(int signal) noexcept = 0;
  virtual void signal_one(std::size_t index, int signal) noexcept = 0;
  /// Leads to an answer to it: the process of a host, or none.
  virtual void find_process(std::size_t index, host_process_op& waiter) noexcept = 0;
  /// Delivers the results of the hosts that do not run.
  virtual void end_waiting() noexcept = 0;
  /// Started and not ended yet.
  virtual std::size_t open() const noexcept = 0;
  /// A result, before any waiter has it.
  virtual void on_result(const host_result& r) noexcept = 0;
  /// The last result was delivered.
  virtual void on_over() noexcept = 0;
  /// Of a composite: every member is over.
  virtual bool members_over() const noexcept { return true; }
  virtual void member_over(action_core&) noexcept {}
  /// Of a composite: one of its hosts has a result, with its position here; it is counted only when
  /// on_member_done() is called.
  virtual void on_member_result(std::size_t index) noexcept { (void)index; }
  virtual void on_member_done() noexcept {}
  /// The action that its results show: itself, or the one in it.
  virtual const action_core& shown() const noexcept { return *this; }
  virtual bool lacks_hosts() const noexcept { return size() == 0 && !stats_.allow_empty; }
  /// Itself, or the member that this host is of.
  virtual action_core& action_of(std::size_t) noexcept { return *this; }
  /// `first`: the position of its first host in the outermost action.
  virtual outcome_part part(std::size_t first) const;

  loop& where() const noexcept { return *home_; }
  bool stopping() const noexcept { return stopping_; }
  bool allows_empty() const noexcept { return stats_.allow_empty; }
  const action_stats& counted() const noexcept { return stats_; }
  /// Its results that were not taken yet, if they are taken one by one.
  std::size_t untaken() const noexcept {
    return outermost().results_.taken_one_by_one() ? untaken_ : 0;
  }
  bool finished() const noexcept {
    return stage_ != stage::idle && stats_.done == size() && members_over();
  }
  bool keeps_lines() const noexcept { return outermost().lines_.enabled(); }
  /// For next_line(). Holds the host that wrote it if too many lines wait.
  void keep_line(const output_line& line, host_run& by) noexcept;
  std::string progress(clock::time_point now) const;
  /// The action fails as a whole: its waiters get the exception.
  void fail(std::exception_ptr error) noexcept;
  /// The same, without a stop: what runs goes on to its end.
  void fail_at_end(const std::exception_ptr& error) noexcept;
  void notify_waiters() noexcept;
  /// A result for which there is no memory is an error of the action; its host counts as done.
  template <class Make>
  void deliver(Make&& make) noexcept {
    std::exception_ptr problem;
    contain([&] { take_over(std::forward<Make>(make)()); },
            [&](std::exception_ptr error) { problem = std::move(error); });
    count_done();
    if (problem) fail(std::move(problem));
  }

 private:
  friend class composite_action;
  friend class rollout_action;
  enum class stage : std::uint8_t { idle, running, ended };
  /// allowed <-> suspended, at any stage. Of the outermost action.
  enum class launching : std::uint8_t { allowed, suspended };

  void shut_down() noexcept override { stop(); }
  void take_over(host_result r);
  void count(const host_result& r) noexcept;
  void count_done() noexcept;
  void notify_start() noexcept;
  void notify_end() noexcept;
  template <class Call>
  void call_handlers(const Call& call) noexcept;
  void notify_line_waiters() noexcept;
  void let_write() noexcept;
  const action_core& outermost() const noexcept;

  std::atomic<int> handles_{0};
  std::atomic<bool> over_{false};
  loop* home_ = nullptr;
  intrusive_ptr<action_core> self_;  // while hosts are open
  action_core* composite_ = nullptr;
  std::size_t first_ = 0;  // of its hosts, in the composite
  std::exception_ptr error_;
  std::optional<action_result> end_;
  result_queue results_;     // of the outermost action
  std::size_t untaken_ = 0;  // its own in there
  // Of the outermost action: lines for next_line(), and the hosts that wait until some are taken.
  line_queue lines_;
  std::deque<intrusive_ptr<host_run>> held_;
  list_node line_waiters_;
  list_node end_waiters_;
  list_node next_waiters_;
  action_stats stats_;
  clock::time_point begun_{};
  stage stage_ = stage::idle;
  launching launching_ = launching::allowed;
  bool stopping_ = false;
};

}  // namespace execo::detail
