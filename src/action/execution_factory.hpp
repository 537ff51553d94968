// A kind of action: how its executions are made, and what they cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "execo/host.hpp"
#include "loop/loop.hpp"
#include "process/execution.hpp"
#include "process/taken_stdio.hpp"
#include "process/transport.hpp"

namespace execo::detail {

class lifecycle;
class tree_file;

/// One attempt on one host of an action.
class attempt {
 public:
  using path_list = std::shared_ptr<const std::vector<std::string>>;
  attempt(const execo::host& on, std::size_t place, std::shared_ptr<const command> command,
          taken_stdio streams, path_list files, const deadlines& times)
      : where(on),
        index(place),
        what(std::move(command)),
        stdio(std::move(streams)),
        local_paths(std::move(files)),
        limits(times) {}

  const execo::host& where;
  std::size_t index;
  std::size_t count = 0;  // of all hosts of the action
  unsigned number = 1;
  std::shared_ptr<const command> what;
  taken_stdio stdio;
  path_list local_paths;  // of a copy
  /// Nobody looks at its output while it runs: that may come a moment late.
  bool output_may_wait = false;
  /// Where the command is to have the name of the host that reaches this one; empty: nowhere.
  std::string_view father_mark;
  /// In place of the command the host runs that subsystem of its ssh server, whose streams are
  /// those of the command: "sftp". Empty: it runs the command.
  std::string subsystem;
  /// In place of the command a host of a tree writes that; null: it runs the command.
  std::shared_ptr<tree_file> file;
  deadlines limits;
};

/// As whom a host is logged in to, and where.
class login_place {
 public:
  std::string user;
  int port = 0;
};

/// Where commands are processes: on hosts, or on this machine, there also with tokens such as %h in
/// their words.
enum class command_place : std::uint8_t { elsewhere, here, here_with_tokens };

/// One for each action.
class execution_factory {
 public:
  virtual ~execution_factory() = default;

  /// Called when the start is asked for, on the thread that does. Throws: std::invalid_argument for
  /// a command that cannot be run.
  virtual void prepare(const command& what) { (void)what; }
  /// Called once, before all that follow, on the action's loop.
  virtual void begin(loop& on) { (void)on; }
  /// Which ring a host belongs to: always the same one, since a connection that is kept stays on
  /// its ring.
  virtual std::size_t ring_of(const host& where, std::size_t rings) const noexcept;
  /// How many hosts run at a time if fanout() was not called.
  virtual std::size_t usual_fanout() const noexcept { return 64; }
  /// How many descriptors one execution keeps open.
  virtual std::size_t descriptors() const noexcept { return 1; }
  /// How many descriptors are open now on this loop, but are closed when needed.
  virtual std::size_t spare_descriptors(loop& on) const noexcept { return (void)on, 0; }
  /// Called on the action's loop.
  /// Throws: std::invalid_argument if that is not known before the host is reached.
  virtual login_place login_to(const host& where) const;
  virtual command_place place() const noexcept { return command_place::elsewhere; }
  /// Whether all hosts are reached from this machine.
  virtual bool reaches_all_itself() const noexcept { return true; }
  /// Makes an execution, not started yet. Called on the ring.
  /// Throws: std::invalid_argument for options that cannot be used.
  virtual intrusive_ptr<execution> make(loop& on, std::size_t ring, attempt what) = 0;
  /// Whether another attempt may succeed: the command was not started.
  virtual bool may_be_retried(const result& r) const noexcept;
  /// The action has ended. Called on each ring.
  virtual void end(std::size_t ring) noexcept { (void)ring; }
};

/// Makes executions that are commands; only the transport differs.
class command_factory : public execution_factory {
 public:
  intrusive_ptr<execution> make(loop& on, std::size_t ring, attempt what) final;
  /// The same, for those who talk to the command.
  intrusive_ptr<lifecycle> make_run(loop& on, std::size_t ring, attempt what);
  /// What its executions run by. Called on the ring.
  std::unique_ptr<transport> make_transport(loop& on, std::size_t ring, attempt& what) {
    return transport_to(on, ring, what);
  }

 protected:
  /// Called on the ring; may change the limits, which are those of the action. Throws: as make().
  virtual std::unique_ptr<transport> transport_to(loop& on, std::size_t ring, attempt& what) = 0;
};

}  // namespace execo::detail
