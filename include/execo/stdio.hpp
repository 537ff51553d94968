/// Where a command's output goes and where its input comes from: sinks and sources, as values.
///
/// A sink made of inherit, null, to_file, append or to_fd alone is the child's own descriptor: the
/// bytes do not pass through this process. In a tee(), or for a command on another host, they do.
///
/// Descriptors and relative paths are those of the moment of start() or of the co_await, on the
/// thread that asks: the descriptor may be closed and the directory changed as soon as that
/// returns. A descriptor that is not open then is a spawn_failed that names it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "execo/detail/compiler.hpp"

namespace execo {

namespace detail {
class sink_spec;
class source_spec;
struct stdio_access;
}  // namespace detail

/// As a sink or a source: this process's own standard stream of the same name.
class inherit {
 public:
  inherit() noexcept = default;
};

/// As a sink: nothing is kept. As a source: the end of file at once.
class null {
 public:
  null() noexcept = default;
};

/// As a sink: for a reader alone. 64 KiB wait for it, and what the kernel's pipe holds (1 MiB at
/// most), then the command does. As a source: fed by a
/// writer.
class pipe {
 public:
  pipe() noexcept = default;
};

/// As the sink of the standard error: the standard output's sink, by the same pipe or file, so that
/// the order of what is written to both is kept. Of a remote command they come apart, and the order
/// is the one in which its server sends.
class merged {
 public:
  merged() noexcept = default;
};

/// What a capture does with the bytes beyond its cap. All that is left out is counted.
class overflow {
 public:
  /// Keeps the first bytes.
  static overflow head() { return overflow(kind::head, {}); }
  /// Keeps the first and the last bytes, half of the cap each; the count of dropped bytes is that
  /// of the gap between the halves.
  static overflow head_and_tail() { return overflow(kind::head_and_tail, {}); }
  /// Reads no more, so that the command waits, until a reader takes some. Nothing is left out: what
  /// one read and one pipe hold, 128 KiB, may be kept beyond the cap. The result has what no reader
  /// took. Once the command is being ended, at most 1 MiB more is kept and the rest is dropped.
  static overflow block() { return overflow(kind::block, {}); }
  /// Ends the command; the result says output_failed with std::errc::file_too_large.
  static overflow kill() { return overflow(kind::kill, {}); }
  /// Keeps the first bytes, and writes those that follow to a file, as to_file() does. Without any,
  /// there is no file.
  /// Throws: std::invalid_argument for a path that is empty or has a NUL byte.
  static overflow spill(std::string path);

 private:
  friend struct detail::stdio_access;
  enum class kind : unsigned char { head, head_and_tail, block, kill, spill };
  overflow(kind k, std::string p) : kind_(k), path_(std::move(p)) {}
  kind kind_;
  std::string path_;
};

/// Where one output stream goes. A cheap copy; several commands may have the same one.
class sink {
 public:
  /// Captured as max_output() says.
  sink() noexcept = default;
  sink(inherit);  // NOLINT(google-explicit-constructor)
  sink(null);     // NOLINT(google-explicit-constructor)
  sink(pipe);     // NOLINT(google-explicit-constructor)
  sink(merged);   // NOLINT(google-explicit-constructor)

 private:
  friend struct detail::stdio_access;
  explicit sink(std::shared_ptr<const detail::sink_spec> spec) noexcept : spec_(std::move(spec)) {}
  std::shared_ptr<const detail::sink_spec> spec_;
};

/// Kept in the result, at most `cap` bytes.
sink capture(std::size_t cap, overflow beyond = overflow::head());
/// Kept in the result as max_output() says.
sink capture();

/// A new file, in the place of one that is there. It appears under its name when it is whole: when
/// the command has ended by itself and all output came; else there is none. What is no regular file
/// (/dev/full, a FIFO) is written to as it is.
/// Throws: std::invalid_argument for a path that is empty or has a NUL byte.
sink to_file(std::string path);
/// The end of a file, which is made if it is not there. Several commands may append to one file.
/// Throws: as to_file().
sink append(std::string path);
/// An open descriptor, which stays the caller's. One more of the same open file is kept: until the
/// command runs, or until it has ended where the bytes pass through this process.
sink to_fd(int fd);
/// Called with the bytes as they come, valid during the call. What it throws ends the command as
/// output_failed.
/// Thread: that of the run; for an action whose context has several rings, several at once.
sink callback(std::function<void(std::string_view)> handler);
/// Called with each line as soon as it is complete, without its LF or CR LF; at the end with what
/// is left. A line beyond 64 KiB comes in pieces. Thread, exceptions: as callback().
sink lines(std::function<void(std::string_view)> handler);

namespace detail {
sink make_tee(std::vector<sink> parts);
}  // namespace detail

/// All of them. A slow one slows the command.
/// Throws: std::invalid_argument for more than one capture or pipe, and for merged().
template <class... Sink>
sink tee(Sink&&... parts) {
  std::vector<sink> list;
  list.reserve(sizeof...(parts));
  (list.emplace_back(sink(std::forward<Sink>(parts))), ...);
  return detail::make_tee(std::move(list));
}

/// Where the standard input comes from. A cheap copy.
class source {
 public:
  /// The end of file at once.
  source() noexcept = default;
  source(inherit);  // NOLINT(google-explicit-constructor)
  source(null);     // NOLINT(google-explicit-constructor)
  source(pipe);     // NOLINT(google-explicit-constructor)

 private:
  friend struct detail::stdio_access;
  explicit source(std::shared_ptr<const detail::source_spec> spec) noexcept
      : spec_(std::move(spec)) {}
  std::shared_ptr<const detail::source_spec> spec_;
};

/// These bytes, then the end of file.
source text(std::string bytes);
/// A file from its beginning. One that cannot be opened is a spawn_failed that names it.
/// Throws: std::invalid_argument for a path that is empty or has a NUL byte.
source from_file(std::string path);
/// An open descriptor, which stays the caller's and is kept as to_fd() does.
source from_fd(int fd);

}  // namespace execo
