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

/// Where input comes from, one piece at a time.
class input_reader {
 public:
  virtual ~input_reader() = default;

  /// {} or why not; the context says what.
  virtual std::error_code open(std::string& context) = 0;
  /// Gets the next piece, from the loop; it may come at once. Pre: open, not busy().
  virtual void read() = 0;
  virtual void close() noexcept = 0;
  virtual bool busy() const noexcept = 0;
  /// What went wrong when it ended with an errno: "read notes.txt".
  virtual std::string failed_step() const = 0;
};

class input_file final : public input_reader {
 public:
  /// Empty path: the caller's descriptor `fd`.
  input_file(loop& on, input_file_owner& owner, file_path path, lent_fd fd);

  std::error_code open(std::string& context) override;
  void read() override;
  void close() noexcept override;
  bool busy() const noexcept override { return ready_.active() || call_.active(); }
  std::string failed_step() const override { return "read " + name(); }
  /// Whether close() would lose bytes that are being read.
  bool holds_bytes() const noexcept { return call_.active(); }
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
