// What ends with a command: the command alone, its group, its session, its cgroup, or all that
// comes from it. One object for each kill_scope, from before the start of the child until nothing
// is waited for any more.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <memory>
#include <optional>

#include "base/fd.hpp"
#include "loop/io_request.hpp"
#include "loop/loop.hpp"
#include "process/cgroup.hpp"
#include "process/late_reaper.hpp"
#include "process/spawn.hpp"
#include "process/transport.hpp"

namespace execo::detail {

/// The events of a scope, from the loop.
class child_scope_owner {
 public:
  /// The command has ended, and its number may be another's. A status of neither kind: other code
  /// reaped it, or its monitor was killed.
  virtual void on_command_gone(exit_status status) = 0;
  /// Readiness brought nothing: look_again() is due after a pause.
  virtual void on_nothing_found() = 0;
  /// over() may have changed.
  virtual void on_scope_moved() = 0;

 protected:
  ~child_scope_owner() = default;
};

//   state     meaning                                                  leaves by
//   none      there is no command                                      adopt(): running
//   running   it has not ended, or its end is not for us to see yet    its end: leaving, or gone if
//                                                                      nothing else is waited for;
//                                                                      give_up(): left
//   leaving   it has ended; what is left of its scope is waited for    their end: gone;
//                                                                      give_up(): left
//   gone      nothing is waited for                                    -
//   left      what is left is not waited for any more                  -
enum class scope_state : std::uint8_t { none, running, leaving, gone, left };

class child_scope {
 public:
  child_scope(kill_scope which, loop& on, child_scope_owner& owner) noexcept;
  child_scope(const child_scope&) = delete;
  child_scope& operator=(const child_scope&) = delete;
  virtual ~child_scope() = default;

  // -- the start ----------------------------------------------------------------------------------
  /// The command shall end with this program, however that ends.
  /// Pre: it is not started yet.
  virtual void bind_to_program(child_settings& settings) = 0;
  /// It need not, after all.
  virtual void outlive() noexcept = 0;
  /// The command has started: waits for its end.
  /// Pre: state() is none, and there is a command.
  void adopt(spawn_result& made, cgroup_leaf leaf);

  scope_state state() const noexcept { return state_; }
  bool running() const noexcept { return state_ == scope_state::running; }
  /// The number of the command, -1 before there is one.
  pid_t pid() const noexcept { return pid_; }

  // -- signals ------------------------------------------------------------------------------------
  /// To the command and to the rest of its scope.
  /// Pre: running().
  void signal(int number) noexcept;
  /// The command is being ended: what is left of its scope gets KILL with its end.
  void end() noexcept { ending_ = true; }
  bool ending() const noexcept { return ending_; }
  /// So it does when the run is being closed.
  void close() noexcept { closing_ = true; }

  // -- the end ------------------------------------------------------------------------------------
  /// After on_nothing_found().
  void look_again();
  /// The end of the command, or of what is left of its scope, is still to come.
  bool waits() const noexcept { return running() || state_ == scope_state::leaving; }
  /// What is left is not waited for any more: on_scope_moved() follows while requests come back.
  /// Pre: waits().
  void give_up();
  /// Nothing is waited for, and no request is in flight.
  bool over() const noexcept;
  /// A child that was given up has to be reaped when it ends. Then the scope holds nothing any
  /// more. Pre: over().
  std::optional<unreaped_child> release() noexcept;
  /// What is known of the end, for the last event.
  end_report& report() noexcept { return report_; }

 protected:
  loop& on() const noexcept { return loop_; }
  child_scope_owner& owner() const noexcept { return owner_; }
  kill_scope which() const noexcept { return which_; }
  int pidfd() const noexcept { return pidfd_.get(); }
  /// What is left has to be ended with the command.
  bool presses() const noexcept { return ending_ || closing_; }

  bool signal_command(int number) const noexcept;
  void signal_group(int number) const noexcept;
  /// To the rest of its scope, without the command.
  void signal_rest(int number) noexcept;
  void note_usage(const rusage& used) noexcept;
  void note_ended(std::size_t others) noexcept;
  void note_refused() noexcept { refused_ = true; }
  void cancel_end() noexcept;
  void command_gone(exit_status status);
  void rest_gone();

 private:
  /// What is waited for is known now.
  virtual void take(spawn_result& made, cgroup_leaf leaf) noexcept = 0;
  /// Becomes ready when the command has ended.
  virtual int end_readiness() const noexcept = 0;
  virtual void on_end_ready(int result) = 0;
  /// The signal to the others reaches the command as well.
  virtual bool others_include_command() const noexcept { return false; }
  virtual signalled signal_others(int number) = 0;
  /// Whether one of those that are waited for may not be signalled. Pre: leaving.
  virtual bool rest_is_refused() { return false; }
  /// The command has ended. True: what is left of its scope is waited for.
  virtual bool wait_for_rest() { return false; }
  virtual void look_at_rest_again() {}
  virtual void cancel_rest() noexcept {}
  virtual bool rest_in_flight() const noexcept { return false; }
  virtual std::optional<unreaped_child> give_back(unique_fd pidfd) noexcept = 0;

  void on_end(int result);
  void note_what_is_left();

  loop& loop_;
  child_scope_owner& owner_;
  kill_scope which_;
  pid_t pid_ = -1;
  unique_fd pidfd_;  // until the command is reaped
  io_request end_;
  end_report report_;
  scope_state state_ = scope_state::none;
  bool ending_ = false;
  bool closing_ = false;
  bool refused_ = false;  // KILL, by a process of the scope that is another user's
};

/// The scope of a command. Pre: no loop_member of `on` has ended.
std::unique_ptr<child_scope> make_child_scope(const command& what, loop& on,
                                              child_scope_owner& owner);

}  // namespace execo::detail
