/// Handlers: what to call when a command starts, writes and ends, as objects and as functions.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "execo/host.hpp"
#include "execo/status.hpp"
#include "execo/time.hpp"

namespace execo {

/// One line of output as it arrives. Valid during the call.
class output_line {
 public:
  output_line(const execo::host& h, std::size_t i, stream s, std::string_view t, bool c) noexcept
      : host(h), index(i), from(s), text(t), complete(c) {}
  const execo::host& host;  ///< without a name for a process
  std::size_t index;        ///< of the host in its action; 0 for a process
  stream from;
  std::string_view text;  ///< without its end of line
  bool complete;          ///< false: the output ended, or 64 KiB came, without an end of line
};

/// A command that now runs. Valid during the call.
class started_command {
 public:
  started_command(const execo::host& h, std::size_t i, std::string_view n, pid_t p,
                  time_point t) noexcept
      : host(h), index(i), name(n), pid(p), at(t) {}
  const execo::host& host;  ///< without a name for a process
  std::size_t index;        ///< of the host in its action; 0 for a process
  std::string_view name;    ///< the command, shortened to be shown
  pid_t pid;                ///< 0 for a remote one
  time_point at;            ///< when it was started, before any connection to its host
};

/// A command that has ended. Valid during the call.
class ended_command {
 public:
  ended_command(const execo::host& h, std::size_t i, const execo::result& r) noexcept
      : host(h), index(i), result(r) {}
  const execo::host& host;  ///< without a name for a process
  std::size_t index;        ///< of the host in its action; 0 for a process
  const execo::result& result;
};

/// Is notified of what commands do. Derive from it, override the calls that you need, and give it
/// to any number of processes and actions with handle_with().
///
/// For one command the calls come in order: on_start at most once (a command that could not be
/// started only ends), its lines, on_end once. They come on the loop of the process, or of the
/// action, whichever ring its host is on: one at a time for all commands of a loop. A slow handler
/// blocks that loop.
///
/// If a call throws, the exception is logged as an error and the command is ended (in an action:
/// all running commands, and no further one starts). run() and wait() rethrow it, next() does after
/// the last result. That handler is not called again for that process or action; others are.
class handler {
 public:
  handler() = default;
  handler(const handler&) = default;
  handler& operator=(const handler&) = default;
  virtual ~handler();

  virtual void on_start(const started_command& command);
  /// Lines come besides the capture; a line longer than 64 KiB in pieces.
  virtual void on_line(const output_line& line);
  /// The result is final, with its captured output; the awaiting coroutine gets it right after.
  virtual void on_end(const ended_command& command);

  /// Called once for each command: false saves splitting its output into lines.
  virtual bool wants_lines() const { return true; }
};

/// Handlers of one function each.
std::shared_ptr<handler> on_start_call(std::function<void(const started_command&)> call);
std::shared_ptr<handler> on_line_call(std::function<void(const output_line&)> call);
std::shared_ptr<handler> on_end_call(std::function<void(const ended_command&)> call);

}  // namespace execo
