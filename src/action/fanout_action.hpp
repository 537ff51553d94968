// One command on many hosts, with an execution for each of the at most `fanout` hosts in progress.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "action/action_core.hpp"
#include "action/descriptor_share.hpp"
#include "action/execution_factory.hpp"
#include "action/host_commands.hpp"
#include "action/journal_writer.hpp"
#include "action/retry_queue.hpp"
#include "action/retry_rule.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/tree.hpp"
#include "execo/way_choice.hpp"
#include "process/handler_calls.hpp"

namespace execo::detail {

class host_run;

class fanout_action final : public action_core {
 public:
  fanout_action(command c, std::vector<host> h);
  ~fanout_action() override;

  // -- configuration, before the start ----------------------------------------------------------
  host_commands commands;
  std::vector<host> hosts;
  std::size_t fanout = 0;  // as many as the factory says
  deadlines limits;
  std::shared_ptr<execution_factory> factory;
  std::shared_ptr<const ssh_options> way;  // of a remote, as it was given
  std::optional<tree> shape;               // of a remote by way of each other
  std::shared_ptr<command_factory> net;    // of one by a tree that stands; null: of no such
  /// Takes the connection defaults of the context; null: it has options of its own, or needs none.
  void (*take_defaults)(fanout_action& to, ssh_options options) = nullptr;
  /// Takes a tree if ssh_client::automatic does, and says why; empty: it takes none. Called once,
  /// when the start is asked for. Null: nothing is left open.
  std::string (*consider_tree)(fanout_action& to) = nullptr;
  std::function<void(const output_line&)> on_line;
  std::function<void(std::string_view)> on_notice;
  retry_rule retries;

  /// Of a run that goes on it keeps the hosts that are left. Throws: journal_error.
  void set_journal(journal_options how);
  /// Throws: std::invalid_argument.

  /// As far as they are the action's own, and asked for in a rollout or not.
  way_wishes wishes() const;

  std::size_t size() const noexcept override { return hosts.size(); }
  bool may_join() const noexcept override { return positions_.empty(); }
  std::string name() const override { return commands.name(); }
  std::optional<std::size_t> find(const host& which, match by) const override;
  host_state state_of(std::size_t index) const noexcept override;
  std::size_t position_of(std::size_t index) const noexcept override {
    return positions_.empty() ? index : positions_[index];
  }
  void allow_below(std::size_t limit) noexcept override;
  void set_fanout(std::size_t at_a_time) noexcept override;

 private:
  friend class host_run;
  void launch_scheduled() noexcept;
  void prepare(loop& where) override;
  void begin() override;
  void go_on() noexcept override;
  void cancel_all() noexcept override;
  void signal_all(int signal) noexcept override;
  void signal_one(std::size_t index, int signal) noexcept override;
  void find_process(std::size_t index, host_process_op& waiter) noexcept override;
  void end_waiting() noexcept override;
  std::size_t open() const noexcept override { return running_; }
  void on_result(const host_result& r) noexcept override;
  void on_over() noexcept override;
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  void begin_journal();
  void choose_window();
  void launch_some() noexcept;
  bool has_room() const noexcept { return running_ + untaken() < window_; }
  bool may_launch() const noexcept;
  void launch(std::size_t index, unsigned number) noexcept;
  void launch_again() noexcept;
  void wait_for_retry() noexcept;
  bool keep_for_retry(host_run& run) noexcept;
  host_run* find_open(std::size_t index) const noexcept;
  void skip(std::size_t index) noexcept;
  template <class Found>
  void notify_awaiting(std::size_t index, Found found) noexcept;
  void host_ended(host_run& run) noexcept;
  host_result take_result(host_run& run);
  /// Writes its end into the journal, if there is one. Throws: std::bad_alloc.
  host_result recorded(host_result r, const attempt_times* times);
  void stop_beginning() noexcept;
  void note_transport(const host_result& r);

  std::unique_ptr<handler_calls> calls_;     // on the loop; null without handlers
  std::unique_ptr<journal_writer> journal_;  // null: none
  std::string why_tree_;                     // empty: it was asked for, or none is taken
  std::vector<std::size_t> positions_;       // of a run that goes on; empty: those of `hosts`
  list_node open_;                           // of host_run
  list_node awaiting_start_;                 // of host_process_op, in the order of their hosts
  descriptor_share descriptors_;
  std::set<std::size_t> skipped_;  // hosts that ended before their turn
  retry_queue waiting_;            // for another attempt
  deadline_timer retry_timer_;
  queue_node step_;
  std::size_t window_ = 0;                              // 0: it has not begun
  std::size_t allowed_ = static_cast<std::size_t>(-1);  // no host from here on may begin
  std::size_t launched_ = 0;
  std::size_t running_ = 0;
  bool with_lines_ = false;  // a handler wants lines; does not change while hosts are open
  bool scheduled_ = false;
  bool transport_noted_ = false;
  bool journal_was_lost_ = false;  // it cannot be written
};

/// What an action on hosts keeps, to be configured. Pre: it is one.
/// Throws: std::logic_error if it was started.
fanout_action& configurable(action_core& state);

}  // namespace execo::detail
