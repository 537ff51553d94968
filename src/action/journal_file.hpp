// The file of a journal: whole lines, appended by all rings of an action.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace execo::detail {

/// open -> failed: after a line that could not be written none is begun any more, since it would
/// follow a part of one.
class journal_file {
 public:
  /// Makes it, for its owner alone. Throws: journal_error if there is one.
  static std::shared_ptr<journal_file> create(const std::filesystem::path& path);
  /// Opens the one of an earlier run. Throws: journal_error, also if another run writes it.
  static std::shared_ptr<journal_file> open(const std::filesystem::path& path);
  journal_file(const journal_file&) = delete;
  journal_file& operator=(const journal_file&) = delete;
  /// Waits for the disk if something is not there yet, which sync() avoids.
  ~journal_file();

  /// For errors.
  const std::string& name() const noexcept { return name_; }

  // -- from any thread --------------------------------------------------------------------------
  /// The line is in the file when this returns, unless it is false: then the file has failed. Its
  /// newline is `line`'s last character.
  bool write(std::string_view line) noexcept;
  bool failed() const noexcept { return error_.load(std::memory_order_acquire) != 0; }
  /// Of a file that has failed: one line for people.
  std::string problem() const;
  /// Has the disk take what was written; may wait for long.
  void sync() noexcept;
  bool is_synced() const noexcept {
    return written_.load(std::memory_order_acquire) == synced_.load(std::memory_order_acquire);
  }

  /// Removes what follows the last record. Pre: nothing was written yet.
  bool cut(std::uint64_t size) noexcept;
  /// Lets others go on with it: nothing more is written, and the disk may still have to take some.
  void release() noexcept;
  /// Removes the file: its run did not begin.
  void remove() noexcept;

 private:
  journal_file(std::filesystem::path path, unique_fd fd, bool is_new);
  void lock() const;
  bool fail(int error) noexcept;
  void sync_folder() noexcept;

  const std::filesystem::path path_;
  const std::string name_;
  const unique_fd fd_;
  std::mutex mutex_;                    // of write(): a part of a line is followed by no other
  std::atomic<int> error_{0};           // an errno; 0: open
  std::atomic<std::uint64_t> written_;  // lines
  std::atomic<std::uint64_t> synced_{0};
  std::atomic<bool> is_new_;  // its folder does not have it for sure
};

}  // namespace execo::detail
