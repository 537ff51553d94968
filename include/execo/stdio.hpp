/// Where a command's output goes and where its input comes from: sinks and sources, as values.
///
/// If inherit, null, to_file, append or to_fd is the only sink, the child gets the descriptor: the
/// bytes do not pass through this process. In a tee(), or for a command on another host, they do.
///
/// Descriptors and relative paths are taken at the moment of start() or co_await, on that thread:
/// you may close the descriptor and change the directory as soon as that returns. A descriptor that
/// is not open then gives spawn_failed, which names it.
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

/// As a sink: nothing is kept. As a source: end of file at once.
class null {
 public:
  null() noexcept = default;
};

/// As a sink: for a reader only. The command waits when 64 KiB, and what the kernel's pipe holds
/// (at most 1 MiB), wait for the reader. As a source: fed by a
/// writer.
class pipe {
 public:
  pipe() noexcept = default;
};

/// As the sink of standard error: the sink of standard output, by the same pipe or file, so the
/// order of writing is kept. The streams of a remote command arrive separately, in the order in
/// which its server sends them.
class merged {
 public:
  merged() noexcept = default;
};

/// What a capture does with the bytes beyond its cap, or beyond the output_budget of its context.
/// Dropped bytes are counted.
class overflow {
 public:
  /// Keeps the first bytes.
  static overflow head() { return overflow(kind::head, {}); }
  /// Keeps the first and the last bytes, half of the cap each; the count of dropped bytes is that
  /// of the gap between the halves.
  static overflow head_and_tail() { return overflow(kind::head_and_tail, {}); }
  /// Stops reading, so that the command waits, until a reader takes bytes. Nothing is dropped: 128
  /// KiB, for one read and one pipe, may be kept beyond the cap. The result has what was not read.
  /// Once the command is being ended, at most 1 MiB more is kept and the rest is dropped.
  static overflow block() { return overflow(kind::block, {}); }
  /// Ends the command; the result says output_failed with std::errc::file_too_large. Beyond the
  /// output_budget alone it does what head() does.
  static overflow kill() { return overflow(kind::kill, {}); }
  /// Keeps the first bytes, and writes those that follow to a file, as to_file() does. If none
  /// follow, there is no file.
  /// Throws: std::invalid_argument for a path that is empty or has a NUL byte.
  static overflow spill(std::string path);

 private:
  friend struct detail::stdio_access;
  enum class kind : unsigned char { head, head_and_tail, block, kill, spill };
  overflow(kind k, std::string p) : kind_(k), path_(std::move(p)) {}
  kind kind_;
  std::string path_;
};

/// Where one output stream goes. Cheap to copy; several commands may share it.
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

/// Kept in the result, at most `cap` bytes, within the output_budget of the context.
sink capture(std::size_t cap, overflow beyond = overflow::head());
/// Kept in the result as max_output() says.
sink capture();

/// A new file, which replaces an existing one. It appears under its name only when it is complete:
/// when the command has ended by itself and all output came. A path that is not a regular file
/// (/dev/full, a FIFO) is written to directly.
/// Throws: std::invalid_argument for a path that is empty or has a NUL byte.
sink to_file(std::string path);
/// The end of a file, which is created if needed. Several commands may append to one file.
/// Throws: as to_file().
sink append(std::string path);
/// An open descriptor, which stays the caller's. execo keeps a duplicate until the command runs, or
/// until it has ended if the bytes pass through this process.
sink to_fd(int fd);
/// Called with the bytes as they come, valid during the call. If it throws, the command ends as
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

/// Where standard input comes from. Cheap to copy.
class source {
 public:
  /// End of file at once.
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

/// These bytes, then end of file.
source text(std::string bytes);
/// A file from its beginning. If it cannot be opened, spawn_failed names it.
/// Throws: std::invalid_argument for a path that is empty or has a NUL byte.
source from_file(std::string path);
/// An open descriptor, which stays the caller's and is kept as to_fd() does.
source from_fd(int fd);

}  // namespace execo
