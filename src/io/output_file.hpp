// A descriptor that output is copied to: a file, a terminal, the caller's pipe. Writes without
// blocking the loop, whatever the mode of the descriptor, which may be shared with others.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <system_error>

#include "io/blocking_call.hpp"
#include "io/file_target.hpp"
#include "io/readiness.hpp"
#include "io/stdio_spec.hpp"
#include "io/unblocked_file.hpp"
#include "loop/loop.hpp"

namespace execo::detail {

/// Notified from the loop.
class output_file_owner {
 public:
  /// It took what was waiting, or gave up.
  virtual void on_file_flushed() noexcept = 0;
  virtual void on_file_failed(std::error_code why, std::string context) noexcept = 0;

 protected:
  ~output_file_owner() = default;
};

class output_file {
 public:
  output_file(loop& on, output_file_owner& owner);

  /// A file that take() opens when bytes come first, or open() before.
  void use(file_path path, file_target::mode how) { target_.emplace(std::move(path), how); }
  /// The caller's descriptor; duplicated by open().
  void use(lent_fd fd) noexcept { borrowed_ = fd; }
  /// {} or why not, without a call of on_file_failed.
  std::error_code open();

  /// False: it did not take them all, though nothing has failed.
  bool take(std::span<const char> bytes);
  bool full() const noexcept { return waiting_.size() - written_ >= max_waiting; }
  /// Nothing waits to be written.
  bool flushed() const noexcept { return waiting_.size() == written_; }
  /// Gives up what is waiting. Then busy() is soon false, which on_file_flushed notifies.
  void give_up() noexcept;
  bool busy() const noexcept { return ready_.active() || call_.active(); }
  /// After the last byte. Pre: not busy().
  std::error_code finalize(bool whole);

  /// The path, or "descriptor 5".
  std::string name() const;
  /// For a child that writes there itself.
  const std::optional<file_target>& target() const noexcept { return target_; }
  int borrowed() const noexcept { return borrowed_.number; }

 private:
  static constexpr std::size_t max_waiting = 64 * 1024;
  // From a run that is being ended, which is not held back.
  static constexpr std::size_t max_held = 1024 * 1024;

  void write_on();
  bool write_some();
  bool write_on_thread();
  void wrote(std::size_t count) noexcept;
  void on_ready(int result);
  void on_written(int result);
  void notify_if_flushed() noexcept;
  void fail(int error, const char* step) noexcept;

  output_file_owner& owner_;
  std::optional<file_target> target_;
  lent_fd borrowed_;
  unblocked_file file_{unblocked_file::direction::out};
  readiness ready_;
  blocking_call call_;
  std::string waiting_;
  std::size_t written_ = 0;  // of what is waiting
  bool failed_ = false;
};

}  // namespace execo::detail
