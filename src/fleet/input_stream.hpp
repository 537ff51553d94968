// A command's stdin: from the ssh channel to a pipe. When the pipe is full, data stays in libssh's
// channel buffer, which the channel window bounds.
#pragma once

#include <libssh/libssh.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "fleet/reactor.hpp"

namespace execo::fleet {

class input_stream {
 public:
  input_stream() = default;
  ~input_stream();
  input_stream(const input_stream&) = delete;
  input_stream& operator=(const input_stream&) = delete;

  /// Takes the writing end of a pipe or the master of a terminal, non-blocking. `changed` is called
  /// when there may be room again.
  /// Throws: std::system_error.
  void attach(reactor& r, unique_fd pipe, delegate<> changed);

  /// The command will not read any more: the client's bytes are taken and dropped.
  void close();

  /// Takes data that libssh received; returns how much was taken, which is nothing before attach or
  /// close. libssh keeps the rest.
  std::size_t take(const char* data, std::size_t length);
  /// Moves data that libssh kept; true if any moved. Closes the pipe after the last byte once the
  /// client has sent EOF.
  bool pump(ssh_channel channel);
  void client_ended() noexcept { client_ended_ = true; }

 private:
  enum class state { waiting, open, closed };

  void on_ready(std::uint32_t events);
  std::size_t write(const char* data, std::size_t length);

  state state_ = state::waiting;
  bool writable_ = false;  // since the last EAGAIN: the pipe is registered edge-triggered
  bool kept_by_libssh_ = false;
  bool client_ended_ = false;
  reactor* reactor_ = nullptr;
  unique_fd pipe_;
  watch watch_;
  delegate<> changed_;
  std::string waiting_;  // read from the channel but not taken by the pipe: at most one read
};

}  // namespace execo::fleet
