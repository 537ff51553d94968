/// reader and writer: the standard streams of a running process, for coroutines.
#pragma once

#include <cstddef>
#include <string_view>

#include "execo/detail/stream_ops.hpp"

namespace execo {

namespace detail {
class process_handle;
}  // namespace detail

class host_process;

/// An output of a process: process::out(), process::err(). A handle: all readers of a stream share
/// one position, and each keeps the process alive as a process handle does.
///
/// A reader does not take bytes from a capture, and a reader made late begins with what the capture
/// holds. From the first read on, or if the reader was made before the start, no byte is lost: up
/// to 64 KiB beyond the capture wait for it, then the command waits until it is being ended.
/// A blocking capture and pipe() hand their bytes over to the reader.
///
/// For all reads:
/// Pre: the process was started; else std::logic_error. One read at a time; else std::logic_error.
/// Stop: no byte is lost, the next read gets it; throws operation_cancelled.
/// Resumes: on the awaiting coroutine's loop, else on the process's.
/// Throws: std::length_error, once, where bytes are missing: they came before the first read, and
/// the capture was full.
class reader {
 public:
  /// The next bytes, as soon as there are any, at most 64 KiB; empty at the end.
  detail::read_op next() const;
  /// The next line as soon as it is complete, without its LF or CR LF; at the end the rest, then
  /// nullopt. A line beyond 16 MiB comes in pieces.
  detail::read_line_op next_line() const;
  /// All bytes up to the end, at most `max`; the next read gets the rest.
  detail::read_all_op read_all(std::size_t max = std::size_t{16} << 20) const;

 private:
  friend class detail::process_handle;
  friend class host_process;
  friend class expect;
  reader(detail::process_ref state, stream which) noexcept
      : state_(std::move(state)), which_(which) {}
  detail::process_ref state_;
  stream which_;
};

/// The input of a process whose source is pipe(): process::in(). A handle, as reader is.
class writer {
 public:
  /// Completes when the kernel has taken all bytes, which must stay valid; returns their number.
  /// Pre: the process was started; else std::logic_error. One write at a time; else
  /// std::logic_error.
  /// Stop: returns how many were written, a prefix.
  /// Resumes: on the awaiting coroutine's loop, else on the process's.
  /// Throws: std::system_error with std::errc::broken_pipe when the command reads no more, or after
  /// close().
  detail::write_op write(std::string_view bytes) const;
  /// Sends end of file, after a write in progress.
  /// Pre: as write(). Thread: any.
  void close() const;

 private:
  friend class detail::process_handle;
  friend class host_process;
  explicit writer(detail::process_ref state) noexcept : state_(std::move(state)) {}
  detail::process_ref state_;
};

}  // namespace execo
