// The pipe that the log of an `ssh` child comes through, beside what the child writes elsewhere.
#pragma once

#include <string>
#include <system_error>

#include "base/fd.hpp"
#include "loop/loop.hpp"
#include "ssh/openssh_log.hpp"

namespace execo::detail {

class openssh_log_pipe {
 public:
  /// `ready`, from the loop: read_into() has something to read. `idle`: after close(), nothing is
  /// pending any more.
  openssh_log_pipe(loop& on, delegate<> ready, delegate<> idle) noexcept
      : loop_(on),
        ready_(ready),
        idle_(idle),
        readable_(delegate<int>::to<&openssh_log_pipe::on_readable>(this)) {}
  openssh_log_pipe(const openssh_log_pipe&) = delete;
  openssh_log_pipe& operator=(const openssh_log_pipe&) = delete;
  ~openssh_log_pipe();

  /// Makes it.
  std::error_code open();
  /// Of the file that ssh is to write its log to. Pre: open().
  std::string path() const;
  /// Begins to call ready(). Pre: open().
  void watch();
  /// All that is there now.
  void read_into(openssh_log& log);
  /// ssh is gone. idle() follows from the loop, unless this is idle already.
  void close();
  /// Pre: close().
  bool is_idle() const noexcept { return !readable_.active; }

 private:
  void on_readable(int result);

  loop& loop_;
  const delegate<> ready_;
  const delegate<> idle_;
  unique_fd in_;
  unique_fd out_;  // until ssh has opened it
  io_request readable_;
  bool ended_ = false;
  bool closing_ = false;
};

}  // namespace execo::detail
