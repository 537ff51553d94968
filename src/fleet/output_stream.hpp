// One stream of a command's output: from a pipe, or from a canned text, to the ssh channel. The
// buffer is bounded: the pipe is read only while there is room.
#pragma once

#include <libssh/libssh.h>
#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "fleet/reactor.hpp"

namespace execo::fleet {

/// The largest buffer for the client, per stream.
constexpr std::size_t output_limit = 256 * 1024;

class output_stream {
 public:
  enum class channel_side { out, err };

  explicit output_stream(channel_side side) noexcept : side_(side) {}
  ~output_stream();
  output_stream(const output_stream&) = delete;
  output_stream& operator=(const output_stream&) = delete;

  /// Takes the reading end of a pipe or the master of a terminal, non-blocking. `changed` is called
  /// when there may be something to read.
  /// Throws: std::system_error.
  void attach(reactor& r, unique_fd pipe, delegate<> changed);
  void set_text(std::string text) { waiting_ = std::move(text); }

  /// Reads until `limit` bytes are buffered or the pipe is empty.
  void fill(std::size_t limit);
  /// Gives the channel up to `max_bytes` bytes, within its window. Returns how many it took.
  std::size_t send(ssh_channel channel, std::size_t max_bytes);
  /// From now on an empty pipe counts as ended: a terminal has no end while a descendant holds it.
  void end_when_empty() noexcept { end_when_empty_ = true; }
  /// Pre: a terminal was attached.
  void resize_terminal(const winsize& size) noexcept;
  /// Drops the pipe and the buffer.
  void abandon();

  std::size_t waiting() const noexcept { return waiting_.size() - sent_; }
  /// The bytes of the first waiting line with its newline; all of them if there is none.
  std::size_t first_line() const noexcept;
  bool ended() const noexcept { return !pipe_; }
  bool drained() const noexcept { return ended() && waiting() == 0; }
  /// Whether fill could read more.
  bool readable() const noexcept { return readable_ && pipe_; }

 private:
  void on_ready(std::uint32_t events);
  void close_pipe();

  channel_side side_;
  bool readable_ = false;  // since the last EAGAIN: the pipe is registered edge-triggered
  bool end_when_empty_ = false;
  reactor* reactor_ = nullptr;
  unique_fd pipe_;
  watch watch_;
  delegate<> changed_;
  std::string waiting_;
  std::size_t sent_ = 0;
};

}  // namespace execo::fleet
