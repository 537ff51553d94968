// The file of a sink: what is opened, and under which name it appears when it is whole.
#pragma once

#include <string>
#include <system_error>

#include "io/file_path.hpp"

namespace execo::detail {

class file_target {
 public:
  /// keep: as replace, and it has its name even if it is not whole.
  enum class mode { replace, keep, append };
  /// For both of these, looks what is there: a regular file is replaced, anything else is written
  /// to.
  file_target(file_path path, mode how);

  /// What to open, with what, made with 0666 and the process's umask.
  file_path open_path() const;
  int open_flags() const noexcept { return flags_; }

  /// After it was written: gives it its name, or removes it if it is not whole and not kept.
  std::error_code finalize(bool whole);
  const std::string& path() const noexcept { return path_.text; }

 private:
  file_path path_;
  std::string temporary_;  // in the same folder; empty: written to in place
  int flags_;
  bool keeps_;
};

/// openat(2), close-on-exec and O_NONBLOCK: neither does it wait for the other end of a FIFO.
/// A negative errno on failure.
int open_nonblocking(const file_path& path, int flags) noexcept;
/// The same for a child: the descriptor blocks.
int open_file(const file_path& path, int flags) noexcept;

}  // namespace execo::detail
