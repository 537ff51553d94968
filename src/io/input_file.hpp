// A file or a descriptor that input is copied from, one piece at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "io/blocking_call.hpp"
#include "io/readiness.hpp"
#include "io/stdio_spec.hpp"
#include "io/unblocked_file.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// Notified from the loop.
class input_file_owner {
 public:
  /// Valid until the next read().
  virtual void on_file_bytes(std::span<const char> bytes) noexcept = 0;
  /// The end of file, an errno, or after close(): it is not busy any more.
  virtual void on_file_end(int error) noexcept = 0;

 protected:
  ~input_file_owner() = default;
};

class input_file {
 public:
  /// Empty path: the caller's descriptor `fd`.
  input_file(loop& on, input_file_owner& owner, file_path path, lent_fd fd);

  /// {} or why not; the context says what.
  std::error_code open(std::string& context);
  /// Gets the next piece, from the loop. Pre: open, not busy().
  void read();
  void close() noexcept;
  bool busy() const noexcept { return ready_.active() || call_.active(); }
  std::string name() const;

 private:
  void on_ready(int result);
  void read_on_thread();
  void on_read(int result);

  input_file_owner& owner_;
  file_path path_;
  lent_fd borrowed_;
  unblocked_file file_{unblocked_file::direction::in};
  readiness ready_;
  blocking_call call_;
  std::unique_ptr<char[]> buffer_;
  bool closed_ = false;
};

}  // namespace execo::detail
