// One action on its loop: a window over the hosts, a lifecycle for each that is open, and the
// results on their way to who waits for them.
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/intrusive_ptr.hpp"
#include "execo/action.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "loop/loop.hpp"
#include "process/handler_calls.hpp"
#include "process/taken_stdio.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class host_run;

/// Makes the way to run one command on one host; called on the loop, once per host.
using transport_factory = std::function<std::unique_ptr<transport>(const host&)>;

/// What distinguishes a kind of action: how its transports are made, on one of the loops it runs
/// on. Called on that loop. Throws: std::invalid_argument for options that cannot be used.
using factory_maker = std::function<transport_factory(loop&)>;

class action_state final : public ref_counted, private loop_member {
 public:
  action_state(command c, std::vector<host> h);
  ~action_state() override;

  // -- configuration, before the start ----------------------------------------------------------
  command what;
  std::vector<host> hosts;
  std::size_t fanout = 64;
  std::size_t fds_per_host = 1;
  deadlines limits;
  factory_maker make_factory;
  std::function<void(const output_line&)> on_line;
  std::function<void(std::string_view)> on_notice;
  loop* chosen = nullptr;

  // -- from any thread --------------------------------------------------------------------------
  /// Handles are counted apart from references: when the last one goes, the action is stopped.
  void add_handle() noexcept;
  void drop_handle() noexcept;
  loop& home(loop* awaiting);
  /// Fixes the loop; throws std::invalid_argument for a command that cannot be read.
  void bind_to(loop& where);
  /// Throws: std::invalid_argument.
  void refuse_what_needs_a_reader() const;
  bool bound() const noexcept { return home_ != nullptr; }
  /// Every host has ended: the loop is not needed any more, and may be gone.
  bool over() const noexcept { return over_.load(std::memory_order_acquire); }

  // -- on the loop ------------------------------------------------------------------------------
  void start() noexcept;
  void stop() noexcept;
  void kill(int signal) noexcept;
  bool finished() const noexcept { return started_ && done_ == hosts.size(); }
  void wait_for_end(action_wait& waiter) noexcept;
  void wait_for_next(action_wait& waiter) noexcept;
  std::optional<host_result> take_next();
  action_result take_end();
  void allow_empty() noexcept { stats_.allow_empty = true; }
  action_stats stats() const;

 private:
  friend class host_run;
  void shut_down() noexcept override { stop(); }
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  void choose_window();
  void schedule() noexcept;
  void launch_some() noexcept;
  void skip_the_rest() noexcept;
  void host_ended(host_run& run) noexcept;
  void fail(std::exception_ptr error) noexcept;
  template <class Make>
  void deliver(Make&& make) noexcept;
  void take_over(host_result r);
  void notify_waiters() noexcept;
  std::size_t ring_of(const host& where) const noexcept;
  /// Of one ring, made there by its first host. On that ring.
  const transport_factory& factory_on(std::size_t ring);
  void let_factories_go() noexcept;

  struct step_node : queue_node {
    action_state* self = nullptr;
  };

  std::atomic<int> handles_{0};
  std::atomic<bool> over_{false};
  loop* home_ = nullptr;
  std::shared_ptr<const command> shared_;
  taken_stdio stdio_;                         // for hosts that were not launched yet
  std::vector<transport_factory> factories_;  // one for each ring, each used there alone
  intrusive_ptr<action_state> self_;          // while hosts are open
  std::exception_ptr error_;
  std::unique_ptr<handler_calls> calls_;  // on the loop; none without handlers
  bool with_lines_ = false;               // somebody wants them; not changed while hosts are open
  std::optional<action_result> end_;
  list_node open_;                 // of host_run
  std::vector<host_result> kept_;  // results that wait for the end
  std::deque<host_result> ready_;  // results that wait for next()
  list_node end_waiters_;
  list_node next_waiters_;
  step_node step_;
  action_stats stats_;
  clock::time_point begun_{};
  std::size_t window_ = 0;
  std::size_t launched_ = 0;
  std::size_t running_ = 0;
  std::size_t done_ = 0;
  bool started_ = false;
  bool stopping_ = false;
  bool streaming_ = false;  // next() was used
  bool scheduled_ = false;
};

}  // namespace execo::detail
