/// reader and writer: the standard streams of a process that runs, as a coroutine uses them.
#pragma once

#include <cstddef>
#include <string_view>

#include "execo/detail/stream_ops.hpp"

namespace execo {

/// An output of a process: process::out(), process::err(). A handle: all those of one stream read
/// at the same place, and each keeps the process as a process handle does.
///
/// Reading is beside the sink: a capture keeps what it keeps, and a reader that is taken late gets
/// from it what came before. From the first read on, or a reader taken before the start, no byte is
/// lost: 64 KiB beyond what the capture keeps wait for the reader, then the command waits too,
/// until it is being ended. A blocking capture, and pipe(), give to the reader what they hold.
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
  /// The next line as soon as it is complete, without its LF or CR LF; at the end what is left,
  /// then nothing. A line beyond 16 MiB comes in pieces.
  detail::read_line_op next_line() const;
  /// All bytes up to the end, at most `most`: then the rest is left to the next read.
  detail::read_all_op read_all(std::size_t most = std::size_t{16} << 20) const;

 private:
  friend class process;
  friend class expect;
  reader(detail::process_ref state, stream which) noexcept
      : state_(std::move(state)), which_(which) {}
  detail::process_ref state_;
  stream which_;
};

/// The input of a process whose source is pipe(): process::in(). A handle, as reader is.
class writer {
 public:
  /// Completes when the kernel has taken all bytes, which stay valid until then; gives their count.
  /// Pre: the process was started; else std::logic_error. One write at a time; else
  /// std::logic_error.
  /// Stop: gives the count of what was taken, a prefix.
  /// Resumes: on the awaiting coroutine's loop, else on the process's.
  /// Throws: std::system_error with std::errc::broken_pipe when the command takes no more, or after
  /// close().
  detail::write_op write(std::string_view bytes) const;
  /// The end of file, after what is being written.
  /// Pre: as write(). Thread: any.
  void close() const;

 private:
  friend class process;
  explicit writer(detail::process_ref state) noexcept : state_(std::move(state)) {}
  detail::process_ref state_;
};

}  // namespace execo
