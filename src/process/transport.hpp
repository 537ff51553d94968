// The seam that decides everything: what a lifecycle needs of a way to run one command. Local, ssh
// and tree executions differ only behind it. All calls and all events are on one loop's thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "execo/command.hpp"
#include "execo/detail/deadline_timer.hpp"
#include "execo/status.hpp"
#include "process/child_stream.hpp"
#include "process/failure.hpp"

namespace execo::detail {

using execo::stream;

/// How long after KILL a run is given up: only the kernel, or a peer that does not answer any more,
/// can keep a command then. A peer that answers and is slow may be waited for in close().
inline constexpr auto after_kill = std::chrono::seconds(1);

/// What a transport alone knows of a command, once nothing of it is pending any more.
class end_report {
 public:
  std::optional<resource_usage> usage;
  std::optional<execo::kill_scope> scope;
  std::size_t ended_with_it = 0;
  std::vector<pid_t> escaped;
  leftover_cause leftover = leftover_cause::none;
  connection_use connection = connection_use::none;
  transport_kind transport = transport_kind::none;
  std::string transport_why;          // of another one than was tried first
  bool may_fit_openssh = false;       // the `ssh` program may do what failed here, before a command
  certainty started = certainty::no;  // of a command that did not get as far as `run`
  std::error_code why;                // it could not be ended
  std::string note;                   // for an end that nothing else explains
  failure_reason reason = failure_reason::none;  // of a login that takes too long
  // Of a connection that was to be made once more when it was given up, and of a login that was
  // refused in place of the command.
  std::optional<failed_try> real_end;
};

/// The events of a transport. They come from the loop, never from inside a call to the transport,
/// with one exception: on_closed may come from inside close().
class transport_events {
 public:
  /// The execution entered a phase; its deadline starts now. Comes in order, phases may be
  /// skipped; from `open` it may go back to the first one, with a new connection. `run` means: the
  /// command was started.
  virtual void on_phase(phase entered) = 0;
  /// It waits behind others before it can go on: no deadline runs but that of the whole command,
  /// until the next on_phase.
  virtual void on_waiting() {}
  /// The command may begin from now on, on another transport than the first one, for
  /// which tells_before_start() is false. close() may follow from inside this call.
  virtual void on_may_begin() {}
  /// Bytes of the command, valid during the call.
  virtual void on_output(stream which, std::span<const char> bytes) = 0;
  /// Nothing more will come on this stream.
  virtual void on_eof(stream which) = 0;
  /// The command ended by itself, by a signal or an exit; neither if other code reaped it.
  virtual void on_exit(exit_status status) = 0;
  /// It cannot be run, or the connection is gone: `how` is neither exited nor signaled. Terminal;
  /// no more output follows. After on_exit it means that the end of the output is lost.
  virtual void on_failed(failure why) = 0;
  /// The answer to query_pending_output(): no more output is in flight, and it is still open.
  virtual void on_no_output_pending() {}
  /// `count` bytes given to write() were taken over by the kernel or the peer.
  virtual void on_written(std::size_t count) = 0;
  /// The command has closed its standard input. on_written does not follow for what was given to
  /// write().
  virtual void on_input_closed() {}
  /// Last event: nothing of this execution is pending any more; the transport may be destroyed.
  virtual void on_closed(end_report found) = 0;

 protected:
  ~transport_events() = default;
};

class transport {
 public:
  virtual ~transport() = default;

  /// Begins. Everything further, failure included, is an event.
  virtual void open(const command& what, transport_events& events) = 0;

  /// Connects a standard stream of the command to `to` in place of this process, or adds a
  /// descriptor, 3 or higher. A redirected stream has no events, but on_eof for an output, at once.
  /// A descriptor in `to` stays open until `run` or the end. False: the transport cannot do it.
  /// Pre: not opened yet.
  virtual bool redirect(int number, const child_stream& to) {
    (void)number, (void)to;
    return false;
  }

  /// Output of this stream may run ahead of us by more than 64 KiB, where that is faster.
  /// Pre: not opened yet.
  virtual void allow_bulk(stream which) { (void)which; }

  /// Gives bytes for standard input; they stay valid until on_written or on_closed. One at a time.
  virtual void write(std::span<const char> bytes) = 0;
  /// Asks for the bytes that were not taken yet: on_written soon says how many were.
  virtual void cancel_write() {}
  /// Ends standard input once what was written is through.
  virtual void close_input() = 0;

  /// Sends a signal to the command and what it started, as far as the transport can. Before `run`
  /// it does nothing.
  virtual void signal(int number) = 0;

  /// Does not end it when this program is gone.
  virtual void outlive() {}
  /// The command is being ended: what is left of its scope gets KILL in `until_kill`.
  virtual void end_scope(duration until_kill) { (void)until_kill; }

  /// Back-pressure: stops and resumes taking output of a stream. Output flows at first. A
  /// remote exit status is ordered after the output, so pausing the output delays it.
  virtual void pause(stream which, bool paused) = 0;

  /// The command has ended, and its open output is silent: is some of it still in flight? True:
  /// the transport finds out; on_output, on_eof, on_no_output_pending or on_failed follows. False:
  /// none is.
  virtual bool query_pending_output() { return false; }
  /// How long what a command wrote before its end may be in flight.
  virtual clock::duration max_output_delay() const noexcept { return {}; }

  /// Gives up what is left, at once: descriptors, channel, a connection attempt. A local child
  /// that still lives is killed and reaped; one that KILL does not end is left, which the result
  /// says. Ends with on_closed.
  virtual void close() = 0;

  /// How long in all output could not be read so far, since other commands held what it comes
  /// through.
  virtual clock::duration unread_time() const noexcept { return {}; }

  /// The command cannot begin before on_phase(open), from inside which close() may come. False: it
  /// may begin as soon as this is opened.
  virtual bool tells_before_start() const noexcept { return false; }

  /// What it leads to was checked to be the host that is meant, or there is no network on the way
  /// to it. From `open` on.
  virtual bool knows_host() const noexcept { return true; }

  /// The local process id, 0 if there is none.
  virtual pid_t pid() const noexcept { return 0; }

  /// Adds a line on a connection of its own, if it has one, for context::dump().
  virtual void describe(std::vector<std::string>& lines) const { (void)lines; }
};

}  // namespace execo::detail
