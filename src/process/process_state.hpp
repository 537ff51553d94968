// What the handle of one command and its awaiters share, wherever the command runs.
#pragma once

#include <array>
#include <cassert>
#include <exception>
#include <memory>

#include "base/intrusive_ptr.hpp"
#include "execo/command.hpp"
#include "execo/connection.hpp"
#include "loop/post_call.hpp"
#include "process/handler_calls.hpp"
#include "process/lifecycle.hpp"
#include "process/surroundings.hpp"

namespace execo::detail {

/// Where a command runs, and how it gets there.
class command_way {
 public:
  virtual ~command_way() = default;
  /// Throws: std::invalid_argument for a command that cannot be run there.
  virtual void verify(const command& what) const = 0;
  /// Thread: the one that asks for the start.
  virtual std::unique_ptr<transport> transport_on(loop& on, surroundings::caller then) = 0;
  virtual deadlines limits() const { return deadlines(); }
  /// For its handlers.
  virtual execo::host where() const { return execo::host(); }
};

/// Shared by a process and its awaiters. Before the start it belongs to the one thread that
/// configures it; after it, to all who hold it.
class process_state final : public ref_counted {
 public:
  process_state(command c, std::unique_ptr<command_way> by)
      : what(std::move(c)), way(std::move(by)) {}
  /// Of a run that another one owns.
  explicit process_state(intrusive_ptr<lifecycle> of)
      : what(std::string()), run(std::move(of)), detached(true) {}
  ~process_state() override {
    if (!run || detached || run->ended()) return;
    run_on(run->home(), [r = run] { r->cancel(); });
  }

  /// The loop it runs on, or would.
  loop& where(loop* awaiting) const {
    // After the end the loop it ran on may be gone.
    if (run && run->ended()) return loop_or_default(awaiting);
    if (run) return run->home();
    return chosen != nullptr ? *chosen : loop_or_default(awaiting);
  }

  void verify() const {
    if (!run) way->verify(what);
  }

  void make_run(loop& on, surroundings::caller then) {
    if (run) return;
    // First: what the transport opens may get the number of a descriptor that is not open.
    auto stdio = taken_stdio::now(what, then);
    auto how = way->transport_on(on, then);
    auto shared = std::make_shared<const command>(std::move(what));
    run = intrusive_ptr<lifecycle>(
        new lifecycle(on, shared, std::move(stdio), std::move(how), way->limits()));
    for (stream which : {stream::out, stream::err})
      if (read_early[which == stream::out ? 0 : 1]) run->output(which).begin_reading();
    if (shared->handlers.empty()) return;
    handlers = std::make_shared<handler_tap>(*shared, way->where());
    run->set_tap(handlers);
  }

  /// What a handler threw is thrown where the process is awaited.
  /// Pre: ended.
  void rethrow() const {
    assert(!run || run->ended());
    if (handlers && handlers->problem()) std::rethrow_exception(handlers->problem());
  }

  command what;
  std::unique_ptr<command_way> way;
  loop* chosen = nullptr;
  intrusive_ptr<lifecycle> run;
  std::shared_ptr<handler_tap> handlers;
  bool detached = false;
  std::array<bool, 2> read_early{};
};

}  // namespace execo::detail
