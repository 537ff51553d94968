// A child of this agent: the connector that leads to it, stage 1, and the link.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "agent/bootstrap_talk.hpp"
#include "agent/line.hpp"
#include "agent/reactor.hpp"
#include "agent/spawn.hpp"
#include "wire/messages.hpp"

namespace execo::agent {

class branch;

class branch_owner {
 public:
  virtual void on_branch_frame(branch& from, const detail::frame& what) = 0;
  virtual void on_branch_touched(line& which) = 0;
  /// See bootstrap_owner.
  virtual const agent_program* program_for(detail::machine arch) = 0;
  /// Its link is over, without a word of branch::failure().
  virtual void on_branch_over(branch& which) = 0;
  /// See branch::failure().
  virtual void on_branch_failed(branch& which) = 0;
  /// The connector has ended and is reaped: the branch can go.
  virtual void on_branch_gone(branch& which) = 0;

 protected:
  ~branch_owner() = default;
};

/// idle     -> starting  start(): the connector runs, stage 1 is under way
/// idle, starting -> greeting  the agent has started, and has not said hello
/// greeting -> up        opened()
/// starting, greeting -> ending  the connector has failed, no hello in time; on_branch_failed() is
/// told starting, greeting, up -> ending  end(): the link is cut and the connector is asked to go,
/// later killed starting, greeting, up, ending -> gone  the connector has ended: on_exit()
enum class branch_state : std::uint8_t { idle, starting, greeting, up, ending, gone };

class branch final : private line_owner, private bootstrap_owner {
 public:
  branch(reactor& on, branch_owner& owner, std::uint32_t number, detail::work_item host);
  branch(const branch&) = delete;
  branch& operator=(const branch&) = delete;
  ~branch();

  /// Pre: idle. False: it failed at once, and on_branch_failed() is not called.
  bool start(const detail::connector_message& connector, const detail::welcome_message& welcome,
             const surroundings& around);
  /// The link is open. Pre: greeting.
  void opened();
  void end();
  /// KILL, now.
  void kill() noexcept;

  branch_state state() const noexcept { return state_; }
  std::uint32_t number() const noexcept { return number_; }
  const detail::work_item& host() const noexcept { return host_; }
  pid_t pid() const noexcept { return pid_; }
  /// Null before start() and once it is ending.
  class line* line() noexcept {
    return state_ == branch_state::greeting || state_ == branch_state::up ? line_.get() : nullptr;
  }
  std::chrono::microseconds connect_time() const noexcept;
  /// True once: from then on it has the programs of further agents.
  bool need_programs() noexcept { return std::exchange(lacks_programs_, false); }
  bool lacks_programs() const noexcept { return lacks_programs_; }
  /// Its place in the pool, from opened() on.
  std::uint32_t slot() const noexcept { return slot_; }
  void take_slot(std::uint32_t slot) noexcept { slot_ = slot; }
  /// What was handed to it.
  detail::index_ranges served() const;

  /// Why it did not come up, or is no more.
  detail::host_failure failure() const noexcept { return failure_; }
  std::string failure_text() const;
  /// The first cause stays.
  void note_failure(detail::host_failure why, std::string text);

  /// The connector is a zombie, which is reaped when this returns.
  void on_exit(int status);

 private:
  void on_frame(class line&, const detail::frame& what) override {
    if (line() != nullptr) owner_.on_branch_frame(*this, what);
  }
  void on_touched(class line& which) override { owner_.on_branch_touched(which); }
  void on_over(class line&) override {
    if (line() != nullptr) owner_.on_branch_over(*this);
  }
  void on_agent_started(std::string_view rest) override;
  void on_no_agent(const std::string& why) override;
  const agent_program* program_for(detail::machine arch) override {
    return owner_.program_for(arch);
  }
  bool has_started() const noexcept {
    return state_ == branch_state::starting || state_ == branch_state::greeting ||
           state_ == branch_state::up;
  }
  void open_line();
  void cut() noexcept;
  bool launch(child_plan plan);
  void on_errors(std::uint32_t);
  void close_errors();
  void on_patience();

  reactor& loop_;
  branch_owner& owner_;
  std::uint32_t number_;
  detail::work_item host_;
  branch_state state_ = branch_state::idle;
  pid_t pid_ = -1;
  std::uint32_t slot_ = 0;
  bool lacks_programs_ = true;
  unique_fd socket_;
  detail::welcome_message welcome_;
  detail::bytes16 nonce_{};
  std::unique_ptr<bootstrap_talk> talk_;
  std::unique_ptr<class line> line_;
  unique_fd errors_;
  watch errors_seen_;
  std::string last_errors_;
  alarm patience_;  // of the start, then of the end
  time_point started_{}, opened_{};
  detail::host_failure failure_ = detail::host_failure::none;
  std::string failure_text_;
};

}  // namespace execo::agent
