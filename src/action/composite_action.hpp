// An action of actions: all at once, or one after the other. Members deliver their results to the
// outermost action themselves; a composite starts and stops them, and knows whose hosts are whose.
// It holds no descriptors, permits or rings for them: each member asks for its own when it begins,
// and gets some whatever the others have, so that none waits for another one.
#pragma once

#include <string>
#include <vector>

#include "action/action_core.hpp"

namespace execo::detail {

class composite_action final : public action_core {
 public:
  enum class order : std::uint8_t { at_once, one_by_one, one_by_one_while_ok };

  /// Throws: std::logic_error for one that was started.
  composite_action(order how, std::vector<action_ref> members);

  // -- configuration, before the start ----------------------------------------------------------
  std::string given_name;
  void stop_on_failure() noexcept { order_ = order::one_by_one_while_ok; }

  /// Takes one more member, which begins if this one has begun, and returns its number.
  /// Throws: std::logic_error, std::invalid_argument as parallel::schedule() says.
  std::size_t schedule(action_ref what);

  std::size_t size() const noexcept override { return size_; }
  std::string name() const override;
  std::optional<std::size_t> find(const host& which, match by) const override;
  host_state state_of(std::size_t index) const noexcept override;
  void allow_below(std::size_t limit) noexcept override;
  void set_fanout(std::size_t at_a_time) noexcept override;
  std::size_t count() const noexcept { return members_.size(); }
  /// The numbers of the members that a host of this position is of, from this one inwards.
  /// Throws: std::out_of_range.
  std::vector<std::size_t> path_of(std::size_t index) const;

 private:
  struct member {
    action_ref what;
    std::size_t first;
  };

  void prepare(loop& where) override;
  void bind_home(loop& where) noexcept override;
  void begin() override;
  void go_on() noexcept override;
  void on_suspended() noexcept override;
  void cancel_all() noexcept override;
  void signal_all(int signal) noexcept override;
  void signal_one(std::size_t index, int signal) noexcept override;
  void find_process(std::size_t index, host_process_op& waiter) noexcept override;
  void end_waiting() noexcept override;
  std::size_t open() const noexcept override;
  void on_result(const host_result&) noexcept override {}
  void on_over() noexcept override {}
  void describe(std::vector<std::string>& lines, clock::time_point now) const override;
  bool members_over() const noexcept override { return over_count_ == members_.size(); }
  void member_over(action_core& which) noexcept override;
  bool lacks_hosts() const noexcept override;
  action_core& action_of(std::size_t index) noexcept override;
  outcome_part part(std::size_t first) const override;

  std::size_t member_at(std::size_t index) const noexcept;
  void check_place(const action_core& what, const loop& where) const;
  bool may_begin_next() const noexcept;
  void advance() noexcept;
  void skip_the_rest() noexcept;

  // A handler may schedule a member, in the middle of a call of another one: no reference to an
  // element is kept across such a call.
  std::vector<member> members_;
  std::size_t size_ = 0;
  std::size_t next_ = 0;  // member to begin
  std::size_t over_count_ = 0;
  std::size_t fanout_ = 0;  // of all members; 0: each has its own
  order order_;
  /// idle -> at_rest <-> advancing; any -> closed: no further member begins.
  enum class step : std::uint8_t { idle, at_rest, advancing, closed };
  step at_ = step::idle;
};

}  // namespace execo::detail
